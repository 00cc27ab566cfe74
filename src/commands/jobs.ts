import { Command, Option } from 'commander';
import { listOpenBuilds, withTemporal } from './builds.ts';
import type { CommandContext } from './context.ts';
import { listNodes } from './fleet.ts';
import { formatJobs, noticesOf } from './jobs-text.ts';
import { booleanOption, configOption } from './options.ts';
import { createPaint } from './terminal.ts';

interface JobsFlags {
  readonly config: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** `jobs`: lists running jobs on every node that shares this Temporal. */
export function createJobsCommand(context: CommandContext): Command {
  return new Command('jobs')
    .description('List the running jobs of all nodes')
    .addOption(configOption())
    .addOption(booleanOption('--json', 'Print a JSON document for each job'))
    .addOption(new Option('-w, --watch', 'Keep running and show each change, until Ctrl-C'))
    .action((flags: JobsFlags) => runJobs(flags, context));
}

async function runJobs(flags: JobsFlags, context: CommandContext): Promise<void> {
  if (flags.watch !== true) return listJobs(flags, context);
  const { watchJobs } = await import('./watch-jobs.ts');
  return watchJobs({ config: flags.config, isJson: flags.json === true }, context);
}

async function listJobs({ config, json }: JobsFlags, context: CommandContext): Promise<void> {
  const [builds, nodes] = await withTemporal(config, context, (client) =>
    Promise.all([listOpenBuilds(client), listNodes(client)]),
  );
  for (const { message, fields } of nodes.flatMap(noticesOf)) context.log().warn(message, fields);
  const { stdout } = context.io;
  if (json === true) {
    for (const build of builds) stdout.write(`${JSON.stringify(build)}\n`);
    return;
  }
  stdout.write(formatJobs(builds, { paint: createPaint(context.io), nowMs: Date.now() }));
}
