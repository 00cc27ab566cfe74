import { Command } from 'commander';
import { cancelBuildSignal } from '../workflows/messages.ts';
import { withTemporal } from './builds.ts';
import type { CommandContext } from './context.ts';
import { findBuild, JOB_ARGUMENT, userName } from './one-job.ts';
import { booleanOption, configOption } from './options.ts';

interface CancelFlags {
  readonly config: string;
  readonly force?: boolean;
}

/**
 * `cancel`: ends a build like GitLab's button. With `--force` it also ends a build that does not
 * respond.
 */
export function createCancelCommand(context: CommandContext): Command {
  return new Command('cancel')
    .description('Cancel a job; its after_script still runs, and GitLab is told')
    .argument('<job>', JOB_ARGUMENT)
    .addOption(configOption())
    .addOption(
      booleanOption('--force', 'Terminate its workflow; the node cleans up and tells GitLab'),
    )
    .action((job: string, flags: CancelFlags) => cancel(job, flags, context));
}

async function cancel(job: string, flags: CancelFlags, context: CommandContext): Promise<void> {
  await withTemporal(flags.config, context, async (client) => {
    const { buildId, summary, node } = await findBuild(client, job);
    const fields = { build: buildId, what: summary, node };
    const build = client.workflow.getHandle(buildId);
    if (flags.force === true) {
      await build.terminate(`cancel --force by ${userName(context)}`);
      context.log().warn('Job terminated: its node removes what is left and tells GitLab', fields);
      return;
    }
    await build.signal(cancelBuildSignal);
    context.log().info('Job is being canceled', fields);
  });
}
