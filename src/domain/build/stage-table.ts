/** One row of what a build has done so far. */
export interface StageRow {
  readonly name: string;
  readonly startedMs: number;
  readonly endedMs?: number;
  readonly end?: string;
}

/** The stages of a build as Markdown, for the Temporal UI. Names and times only: nothing secret. */
export function formatStageTable(rows: readonly StageRow[]): string {
  const lines = rows.map(({ name, startedMs, endedMs, end }) => {
    const seconds = endedMs === undefined ? '…' : `${((endedMs - startedMs) / 1000).toFixed(1)} s`;
    return `| ${name} | ${end ?? 'running'} | ${seconds} |`;
  });
  return ['| stage | result | time |', '|---|---|---|', ...lines].join('\n');
}
