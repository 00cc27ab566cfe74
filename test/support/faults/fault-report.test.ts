import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TrialRow } from './fault-report.ts';

const REPORT = import.meta.url.replace('.test', '');
const ROW =
  "{ fault: 'f', moment: 'm', isGood: true, lostBytes: 0, doubleRuns: 0, leftovers: 0, recoveryMs: 1 }";

const CASES: readonly (readonly [why: string, body: string, isPassed: boolean, good: boolean[]])[] =
  [
    ['a trial that went well', `reportTrial(${ROW})`, true, [true]],
    ['two trials', `reportTrial(${ROW}); reportTrial(${ROW})`, true, [true, true]],
    ['no trial: it must not pass unseen', '', false, [false]],
    ['no trial, as it broke before', "throw new Error('early')", false, [false]],
    [
      'a check that failed after its trial',
      `reportTrial(${ROW}); throw new Error('late')`,
      false,
      [true, false],
    ],
    [
      'a trial that told of its failure itself',
      `reportTrial({ ...${ROW}, isGood: false }); throw new Error('told')`,
      false,
      [false],
    ],
  ];

describe('a test of the suite of faults', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-report-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  for (const [index, [why, body, isPassed, good]] of CASES.entries()) {
    it(`${isPassed ? 'passes' : 'fails'}, with ${good.length} rows, after ${why}`, async () => {
      const file = join(directory, `case-${index}.test.mjs`);
      const report = join(directory, `case-${index}.jsonl`);
      await writeFile(
        file,
        `import { it, reportTrial } from '${REPORT}';\nit('title', async () => { ${body} });\n`,
      );
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const child = spawn(process.execPath, [...process.execArgv, file], {
        env: { ...env, TGR_FAULT_REPORT: report },
        stdio: 'ignore',
      });
      const [code] = (await once(child, 'exit')) as [number];
      assert.equal(code === 0, isPassed);
      const lines = (await readFile(report, 'utf8')).trim().split('\n');
      const rows = lines.map((line) => JSON.parse(line) as TrialRow & { readonly suite: string });
      assert.deepEqual(
        rows.map(({ isGood }) => isGood),
        good,
      );
      assert.deepEqual(new Set(rows.map(({ suite }) => suite)), new Set([`case-${index}`]));
    });
  }
});
