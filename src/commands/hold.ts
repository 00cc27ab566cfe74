import type { Client, WorkflowHandle } from '@temporalio/client';
import { Command, Option } from 'commander';
import { holdUpdate, releaseUpdate, retryUpdate } from '../workflows/messages.ts';
import { withTemporal, type OpenBuild } from './builds.ts';
import type { CommandContext } from './context.ts';
import { findBuild, JOB_ARGUMENT, userName } from './one-job.ts';
import { booleanOption, configOption } from './options.ts';

interface HoldFlags {
  readonly config: string;
  readonly before?: string;
  readonly failureOf?: string;
  readonly onFailure?: boolean;
}

/** Time limit for the answer of a worker, because none may be running. */
const COMMAND_LIMIT_MS = 10_000;

/** `hold`: keeps a build's containers after its job, or stops the build before a stage. */
export function createHoldCommand(context: CommandContext): Command {
  return jobCommand('hold', 'Keep the containers of a job after its end, or stop it before a stage')
    .argument('[time]', 'Longest time to hold, up to 8h (default: 1h); 0 ends the hold')
    .addOption(
      new Option('--before <stage>', 'Stop before this stage; the time-out keeps counting'),
    )
    .addOption(
      new Option(
        '--failure-of <stage>',
        'Stop when this stage fails, so that `retry` can run it again',
      ),
    )
    .addOption(booleanOption('--on-failure', 'Keep the containers only when the job fails'))
    .action((job: string, time: string | undefined, { config, ...flags }: HoldFlags) => {
      const { before, failureOf, onFailure } = flags;
      const input = {
        ...{ by: userName(context), onFailure: onFailure === true },
        ...(time !== undefined && { time }),
        ...(before !== undefined && { before }),
        ...(failureOf !== undefined && { failureOf }),
      };
      return give({ job, config }, context, (build) =>
        build.executeUpdate(holdUpdate, { args: [input] }),
      );
    });
}

/** `release`: ends a hold of a build. */
export function createReleaseCommand(context: CommandContext): Command {
  const what = 'End the hold of a job: it goes on, or its containers are removed';
  return commandWithoutInput(jobCommand('release', what), releaseUpdate, context);
}

/** `retry`: tries the failed stage again that a build is held after. */
export function createRetryCommand(context: CommandContext): Command {
  const what = 'Run the failed stage again after `hold --failure-of`';
  return commandWithoutInput(jobCommand('retry', what), retryUpdate, context);
}

function jobCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<job>', JOB_ARGUMENT)
    .addOption(configOption());
}

/** Creates a command whose input is only who gives it. */
function commandWithoutInput(
  command: Command,
  update: typeof releaseUpdate | typeof retryUpdate,
  context: CommandContext,
): Command {
  return command.action((job: string, { config }: HoldFlags) =>
    give({ job, config }, context, (build) =>
      build.executeUpdate(update, { args: [{ by: userName(context) }] }),
    ),
  );
}

interface Wanted {
  readonly job: string;
  readonly config: string;
}

/** Sends a command, and logs the build's answer or the reason of the refusal. */
async function give(
  { job, config }: Wanted,
  context: CommandContext,
  send: (build: WorkflowHandle) => Promise<string>,
): Promise<void> {
  await withTemporal(config, context, async (client) => {
    const build = await findBuild(client, job);
    const answer = await answerOf(client, build, send);
    const { buildId, summary, node } = build;
    context.log().info(`Job: ${answer}`, { build: buildId, what: summary, node });
  });
}

async function answerOf(
  client: Client,
  { buildId }: OpenBuild,
  send: (build: WorkflowHandle) => Promise<string>,
): Promise<string> {
  const build = client.workflow.getHandle(buildId);
  try {
    return await client.withDeadline(Date.now() + COMMAND_LIMIT_MS, () => send(build));
  } catch (error) {
    throw new Error(`${buildId}: ${await describeRefusal(error)}`, { cause: error });
  }
}

async function describeRefusal(error: unknown): Promise<string> {
  // The client has already loaded this module.
  const { WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } =
    await import('@temporalio/client');
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
    return 'no worker answers for this build: start one';
  }
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
