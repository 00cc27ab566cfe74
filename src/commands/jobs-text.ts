import { formatAge } from './age.ts';
import type { OpenBuild } from './builds.ts';
import { restOf, type SeenNode } from './fleet.ts';
import { formatTable, type Cell, type View } from './terminal.ts';

const HEAD = ['JOB', 'STAGE', 'FOR', 'STATE', 'NODE', 'WHAT', 'BUILD'];

/** Formats a row for each job that runs. */
export function formatJobs(builds: readonly OpenBuild[], { paint, nowMs }: View): string {
  const rows = builds.map((build): readonly Cell[] => {
    const { jobId, stage, startedAt, node, summary, buildId } = build;
    const age = formatAge(nowMs - startedAt.getTime());
    return [jobId, stage, age, stateOf(build), node, summary, buildId];
  });
  return formatTable([HEAD, ...rows], paint);
}

function stateOf({ stage, interruption, waitsFor, result }: OpenBuild): Exclude<Cell, string> {
  if (stage === '?') return { text: 'no worker answers', colour: 'red' };
  if (result !== undefined) return { text: result, colour: RESULTS[result] };
  if (waitsFor !== undefined) return { text: `waits for ${waitsFor}`, colour: 'yellow' };
  if (interruption !== undefined) return { text: interruption, colour: 'yellow' };
  return { text: 'running', colour: 'green' };
}

const RESULTS = {
  success: 'green',
  failed: 'red',
  canceled: 'yellow',
  aborted: 'yellow',
} as const;

/** What keeps a node from asking for jobs. */
export interface Notice {
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Returns what keeps a node from asking for jobs, so that people see why none run. */
export function noticesOf({ node, fleet }: SeenNode): readonly Notice[] {
  if (fleet === undefined) {
    return [
      {
        message: 'Node does not answer: it is not known whether it asks for jobs',
        fields: { node },
      },
    ];
  }
  if (fleet.isDraining) {
    return [{ message: 'Node is drained: it asks for no job until `resume`', fields: { node } }];
  }
  return fleet.settings.runners.flatMap((runner) => {
    const rest = restOf(fleet, runner);
    const fields = { node, runner: runner.key, runner_name: runner.name };
    return rest === undefined ? [] : [{ message: `Runner asks for no job: ${rest}`, fields }];
  });
}
