import { Command, Option } from 'commander';
import { buildDirectory } from '../adapters/state/build-store.ts';
import { copyTrace } from '../adapters/trace-spool/trace-reader.ts';
import { systemClock } from '../worker/machine/program.ts';
import { listOpenBuilds, withTemporal } from './builds.ts';
import { chooseBuild, JOB_ARGUMENT } from './cancel.ts';
import type { CommandContext } from './context.ts';
import { configOption } from './options.ts';

interface LogsFlags {
  readonly config: string;
  readonly follow?: boolean;
}

/** `logs`: prints a running job's log as GitLab gets it, from the disk of its node. */
export function createLogsCommand(context: CommandContext): Command {
  return new Command('logs')
    .description('Print the masked log of a job that runs on this node')
    .argument('<job>', JOB_ARGUMENT)
    .addOption(configOption())
    .addOption(new Option('-f, --follow', 'Go on until the job has ended'))
    .action((job: string, flags: LogsFlags) => printLog(job, flags, context));
}

async function printLog(job: string, flags: LogsFlags, context: CommandContext): Promise<void> {
  const { build, buildsDir } = await withTemporal(flags.config, context, async (client, state) => ({
    build: chooseBuild(await listOpenBuilds(client), job),
    buildsDir: state.buildsDir,
  }));
  const isPrinted = await copyTrace({
    directory: buildDirectory(buildsDir, build.buildId),
    output: context.io.stdout,
    isFollowed: flags.follow === true,
    clock: systemClock,
  });
  if (isPrinted) return;
  const { buildId, node } = build;
  throw new Error(`this node has no log of ${buildId}: run \`logs\` on its node, ${node}`);
}
