import type { WorkflowHandle } from '@temporalio/client';
import { Command, Option } from 'commander';
import { holdUpdate, releaseUpdate, retryUpdate } from '../workflows/messages.ts';
import { withTemporal } from './builds.ts';
import type { CommandContext } from './context.ts';
import { answerOf, findBuild, JOB_ARGUMENT, userName } from './one-job.ts';
import { booleanOption, configOption } from './options.ts';

interface HoldFlags {
  readonly config: string;
  readonly before?: string;
  readonly failureOf?: string;
  readonly onFailure?: boolean;
}

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

/** `retry`: retries the failed stage after which a build is held. */
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

/** Creates a command whose only input is the name of the person who gives it. */
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
    const answer = await answerOf(client, build.buildId, { send });
    const { buildId, summary, node } = build;
    context.log().info(`Job: ${answer}`, { build: buildId, what: summary, node });
  });
}
