/**
 * One try of a stage of a build. It contains only names, times and codes, and nothing of the job.
 */
export interface StageRow {
  readonly name: string;
  readonly attempt: number;
  readonly startedMs: number;
  readonly endedMs?: number;
  readonly end?: string;
  readonly exitCode?: number;
}

/** A wait of a build, and when it began. */
export interface BuildWait {
  readonly what: string;
  readonly sinceMs: number;
}

/** A long build may try a stage ten times. The UI shows the newest rows. */
const MAX_ROWS = 60;
/** The UI (2.54) puts no space between the cells of a table, and Markdown removes plain spaces. */
const GAP = '\u00a0\u00a0\u00a0';
const HEAD = ['stage', 'state', 'time', 'exit code', 'try'];

/** Formats the stages of a build, and what it waits for now, as Markdown for the Temporal UI. */
export function formatStageTable(
  rows: readonly StageRow[],
  waits: readonly BuildWait[] = [],
): string {
  const lines = rows.slice(-MAX_ROWS).map((row) => {
    const { name, attempt, end = 'running', exitCode = '' } = row;
    return formatRow([name, end, formatTime(row), `${exitCode}`, `${attempt}`]);
  });
  const table = [formatRow(HEAD), `|${':--|'.repeat(HEAD.length)}`, ...lines];
  const waiting = waits.flatMap(({ what, sinceMs }) => [
    '',
    `Waits for ${what} since ${formatMoment(sinceMs)}`,
  ]);
  return [...table, ...waiting].join('\n');
}

function formatRow(cells: readonly string[]): string {
  return `| ${cells.join(`${GAP} | `)} |`;
}

function formatTime({ startedMs, endedMs }: StageRow): string {
  return endedMs === undefined
    ? `since ${formatMoment(startedMs)}`
    : `${((endedMs - startedMs) / 1000).toFixed(1)} s`;
}

/** Formats a point in time for people: `12:04:31 UTC`. */
export function formatMoment(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)} UTC`;
}
