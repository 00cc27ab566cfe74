import { setCurrentDetails } from '@temporalio/workflow';
import { formatStageTable, type BuildWait, type StageRow } from '../../domain/build/stage-table.ts';

/** How one try of a stage has ended. */
export interface StageEnd {
  readonly end: string;
  readonly exitCode?: number;
}

/** What a build has done so far, as the Temporal UI and the queries show it. */
export interface StageProgress {
  readonly rows: readonly StageRow[];
  readonly wait: BuildWait | undefined;
  /** Returns what tells the end. */
  begin(name: string, attempt: number): (end: StageEnd) => void;
  /** Shows what is waited for until `work` has ended. */
  waitFor<T>(what: string, work: () => Promise<T>): Promise<T>;
}

export function openStageProgress(): StageProgress {
  const rows: StageRow[] = [];
  let wait: BuildWait | undefined;
  const show = (): void => setCurrentDetails(formatStageTable(rows, wait));
  return {
    rows,
    get wait() {
      return wait;
    },
    begin: (name, attempt) => {
      const index = rows.length;
      const begun = { name, attempt, startedMs: Date.now() };
      rows.push(begun);
      show();
      return (end) => {
        rows[index] = { ...begun, ...end, endedMs: Date.now() };
        show();
      };
    },
    waitFor: async (what, work) => {
      const begun = { what, sinceMs: Date.now() };
      wait = begun;
      show();
      try {
        return await work();
      } finally {
        if (wait === begun) wait = undefined;
        show();
      }
    },
  };
}
