import { appendFileSync } from 'node:fs';

/** What came of one fault. */
export interface TrialRow {
  readonly fault: string;
  readonly moment: string;
  readonly isGood: boolean;
  /** undefined where another trace than usual is right. */
  readonly lostBytes: number | undefined;
  readonly doubleRuns: number;
  readonly leftovers: number;
  /** From the end of the fault to the job's. */
  readonly recoveryMs: number;
}

/**
 * Adds a row to the file that TGR_FAULT_REPORT names. `npm run test:faults` makes a table of it: see
 * scripts/lib/fault-table.mjs.
 */
export function reportTrial(row: TrialRow): void {
  const file = process.env['TGR_FAULT_REPORT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`);
}
