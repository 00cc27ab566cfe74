import type { FakeJob } from '../../test/support/fake-gitlab/types.ts';

/** Formats one row for each job: its name, result, duration and the times of its stages. */
export function formatResultTable(jobs: readonly FakeJob[]): string {
  const rows = [
    ['job', 'result', 'duration', 'stages'],
    ...jobs.map((job) => [job.name, resultOf(job), durationOf(job), stagesOf(job)]),
  ];
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths?.[i] ?? 0)).join('  '));
  return lines.map((line) => line.trimEnd()).join('\n');
}

function resultOf({ state, exitCode, failureReason }: FakeJob): string {
  if (state !== 'failed') return state;
  return exitCode === undefined
    ? `failed (${failureReason ?? ''})`
    : `failed (exit code ${exitCode})`;
}

function durationOf({ handedOutAtMs, finishedAtMs }: FakeJob): string {
  if (handedOutAtMs === undefined || finishedAtMs === undefined) return '–';
  return `${((finishedAtMs - handedOutAtMs) / 1000).toFixed(1)} s`;
}

/** Formats the times of the stages. GitLab's section marks count whole seconds. */
function stagesOf({ sectionSeconds }: FakeJob): string {
  return Object.entries(sectionSeconds)
    .map(([name, seconds]) => `${name} ${seconds} s`)
    .join(', ');
}
