import { setCurrentDetails } from '@temporalio/workflow';
import { describeWait, type NodeWait } from '../../domain/build/wait.ts';
import { formatStageTable, type BuildWait, type StageRow } from '../../domain/build/stage-table.ts';

/** How one try of a stage has ended. */
export interface StageEnd {
  readonly end: string;
  readonly exitCode?: number;
}

/** What a build has done so far, as the Temporal UI and the queries show it. */
export interface StageProgress {
  readonly rows: readonly StageRow[];
  /** Sorted by age; the oldest wait comes first. */
  readonly waits: readonly BuildWait[];
  /** Shows that a stage begins. Returns the function that shows how it has ended. */
  begin(name: string, attempt: number): (end: StageEnd) => void;
  /** Shows what the build waits for until `work` has ended. */
  waitFor<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** Shows what the node says it waits for, and replaces what it said before. */
  tell(waits: readonly NodeWait[]): void;
}

export function openStageProgress(): StageProgress {
  const rows: StageRow[] = [];
  const own = new Set<BuildWait>();
  let told: readonly NodeWait[] = [];
  const allWaits = (): readonly BuildWait[] =>
    [...own, ...told.map((wait) => ({ what: describeWait(wait), sinceMs: wait.sinceMs }))].sort(
      (a, b) => a.sinceMs - b.sinceMs,
    );
  const show = (): void => setCurrentDetails(formatStageTable(rows, allWaits()));
  return {
    rows,
    get waits() {
      return allWaits();
    },
    begin: (name, attempt) => {
      const index = rows.length;
      const begun = { name, attempt, startedMs: Date.now() };
      rows.push(begun);
      show();
      return (end) => {
        rows[index] = { ...begun, ...end, endedMs: Date.now() };
        // The node may not have had time to signal that the stage no longer waits.
        told = told.filter(({ key }) => key === 'uploadTrace');
        show();
      };
    },
    waitFor: async (what, work) => {
      const begun = { what, sinceMs: Date.now() };
      own.add(begun);
      show();
      try {
        return await work();
      } finally {
        own.delete(begun);
        show();
      }
    },
    tell: (waits) => {
      told = waits;
      show();
    },
  };
}
