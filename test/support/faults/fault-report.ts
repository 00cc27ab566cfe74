import { AsyncLocalStorage } from 'node:async_hooks';
import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';
import { it as test } from 'node:test';

/** The result of one fault. */
export interface TrialRow {
  readonly fault: string;
  readonly moment: string;
  readonly isGood: boolean;
  /** Undefined when the trace is allowed to differ from that without a fault. */
  readonly lostBytes: number | undefined;
  readonly doubleRuns: number;
  readonly leftovers: number;
  /** The time from the end of the fault to the end of the job. */
  readonly recoveryMs: number;
}

const rowsOfTest = new AsyncLocalStorage<TrialRow[]>();

/**
 * Adds a row to the file that TGR_FAULT_REPORT names. `npm run test:faults` makes a table from the
 * file: see scripts/lib/fault-table.mjs.
 */
export function reportTrial(row: TrialRow): void {
  rowsOfTest.getStore()?.push(row);
  write(row);
}

/**
 * Defines a test of the fault suite. The test fails when it has reported no trial. A failed test
 * adds a row about its failure, so that the suite's table includes every test.
 */
export function it(title: string, run: (context: TestContext) => Promise<void>): void {
  void test(title, async (context) => {
    const rows: TrialRow[] = [];
    try {
      await rowsOfTest.run(rows, () => run(context));
    } catch (error) {
      if (rows.every(({ isGood }) => isGood)) write(failureOf(title, rows.at(-1)));
      throw error;
    }
    if (rows.length > 0) return;
    write(failureOf(title, undefined));
    throw new Error('no trial was reported: the table of faults would not tell of this test');
  });
}

/** The part of Node's test context that a test of faults may use. */
export interface TestContext {
  after(tidy: () => Promise<void>): void;
}

function failureOf(title: string, last: TrialRow | undefined): TrialRow {
  return {
    ...{ fault: title, moment: 'test', lostBytes: undefined },
    ...{ doubleRuns: 0, leftovers: 0, recoveryMs: 0 },
    ...last,
    isGood: false,
  };
}

function write(row: TrialRow): void {
  const report = process.env['TGR_FAULT_REPORT'];
  if (report === undefined) return;
  const suite = basename(process.argv[1] ?? '').replace(/\.test\.m?[jt]s$/, '');
  appendFileSync(report, `${JSON.stringify({ suite, ...row })}\n`);
}
