import type { Client } from '@temporalio/client';
import { Command } from 'commander';
import { cancelBuildSignal } from '../workflows/messages.ts';
import { listOpenBuilds, withTemporal, type OpenBuild } from './builds.ts';
import type { CommandContext } from './context.ts';
import { booleanOption, configOption } from './options.ts';

interface CancelFlags {
  readonly config: string;
  readonly force?: boolean;
}

/** What of a job a person may write, in the help of each command. */
export const JOB_ARGUMENT = "The job's id, its address in GitLab, or its build as `jobs` prints it";

/**
 * `cancel`: ends a build as GitLab's button does. With `--force` also one that does not respond.
 */
export function createCancelCommand(context: CommandContext): Command {
  return new Command('cancel')
    .description('End a job: its after_script still runs, and GitLab is told')
    .argument('<job>', JOB_ARGUMENT)
    .addOption(configOption())
    .addOption(
      booleanOption('--force', 'Terminate its workflow; the node cleans up and tells GitLab'),
    )
    .action((job: string, flags: CancelFlags) => cancel(job, flags, context));
}

async function cancel(job: string, flags: CancelFlags, context: CommandContext): Promise<void> {
  await withTemporal(flags.config, context, async (client) => {
    const { buildId, summary, node } = chooseBuild(await listOpenBuilds(client), job);
    const fields = { build: buildId, what: summary, node };
    if (flags.force === true) {
      await client.workflow.getHandle(buildId).terminate(`cancel --force by ${userName(context)}`);
      context.log().warn('Job terminated: its node removes what is left and tells GitLab', fields);
      return;
    }
    await tellToEnd(client, buildId);
    context.log().info('Job told to end', fields);
  });
}

async function tellToEnd(client: Client, buildId: string): Promise<void> {
  await client.workflow.getHandle(buildId).signal(cancelBuildSignal);
}

/** The build that a job number means. Two GitLabs may have a job with the same number. */
export function chooseBuild(builds: readonly OpenBuild[], job: string): OpenBuild {
  const wanted = /\/-\/jobs\/(\d+)\/?$/.exec(job)?.[1] ?? job;
  const found = builds.filter(({ jobId, buildId }) => buildId === job || jobId === wanted);
  const [first, ...others] = found;
  if (first === undefined) {
    throw new Error(`no job ${JSON.stringify(job)} runs: \`jobs\` lists those that do`);
  }
  if (others.length > 0) {
    const names = found.map(({ buildId }) => buildId).join(', ');
    throw new Error(`job ${wanted} is not the only one of that number, name its build: ${names}`);
  }
  return first;
}

/** Who gives an order, as far as the environment says it. */
export function userName({ io: { env } }: CommandContext): string {
  // An empty variable is one that is not set.
  return [env['SUDO_USER'], env['USER']].find((name) => (name ?? '') !== '') ?? 'somebody';
}
