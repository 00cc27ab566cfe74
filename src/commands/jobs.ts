import { Command } from 'commander';
import type { Log } from '../ports/index.ts';
import { formatAge } from './age.ts';
import { listOpenBuilds, withTemporal, type OpenBuild } from './builds.ts';
import type { CommandContext } from './context.ts';
import { listNodes, restOf, type SeenNode } from './fleet.ts';
import { createPaint, formatTable } from './terminal.ts';
import { booleanOption, configOption } from './options.ts';

interface JobsFlags {
  readonly config: string;
  readonly json?: boolean;
}

/** `jobs`: lists running jobs on every node that shares this Temporal. */
export function createJobsCommand(context: CommandContext): Command {
  return new Command('jobs')
    .description('List the jobs that run now, over all nodes')
    .addOption(configOption())
    .addOption(booleanOption('--json', 'Print a JSON document for each job'))
    .action((flags: JobsFlags) => listJobs(flags, context));
}

async function listJobs({ config, json }: JobsFlags, context: CommandContext): Promise<void> {
  const [builds, nodes] = await withTemporal(config, context, (client) =>
    Promise.all([listOpenBuilds(client), listNodes(client)]),
  );
  for (const node of nodes) tellOf(node, context.log());
  const { stdout } = context.io;
  if (json === true) {
    for (const build of builds) stdout.write(`${JSON.stringify(build)}\n`);
    return;
  }
  const lines = builds.map((build) => toRow(build, Date.now()));
  const head = ['JOB', 'STAGE', 'FOR', 'NODE', 'WHAT', 'BUILD'];
  stdout.write(formatTable([head, ...lines], createPaint(context.io)));
}

/** Prints what keeps a node from asking for jobs, so that people see why none run. */
function tellOf({ node, fleet }: SeenNode, log: Log): void {
  if (fleet === undefined) {
    log.warn('Node does not answer: what it asks for is not known', { node });
  } else if (fleet.isDraining) {
    log.warn('Node is drained: it asks for no job until `resume`', { node });
  } else {
    for (const runner of fleet.settings.runners) {
      const rest = restOf(fleet, runner);
      const fields = { node, runner: runner.key, runner_name: runner.name };
      if (rest !== undefined) log.warn(`Runner asks for no job: ${rest}`, fields);
    }
  }
}

function toRow(build: OpenBuild, nowMs: number): readonly string[] {
  const { jobId, stage, startedAt, node, summary, buildId } = build;
  return [jobId, stage, formatAge(nowMs - startedAt.getTime()), node, summary, buildId];
}
