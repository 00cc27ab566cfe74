import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { it } from '../support/faults/fault-report.ts';
import { COUNTED, openOwnPlace, tryFault } from '../support/faults/own-trials.ts';
import { memoryOf } from '../support/process-memory.ts';
import type { RunnerProcess } from '../support/runner-process.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const JOBS = 20;
const SECONDS = 10;
/** Measurements gave 205 MiB without a job and a peak of 400 MiB, however long the jobs ran. */
const LIMIT_MIB = 500;
/** The pause between two measurements. */
const PAUSE_MS = 200;
/** Prints 1 MB in lines of a hundred bytes. */
const SAY_A_MEGABYTE = '{ yes "$line" | head -n 10000 || true; }';
const SCRIPT = [
  COUNTED,
  'line=$(printf "%099d" 0)',
  `for second in $(seq ${SECONDS}); do ${SAY_A_MEGABYTE}; sleep 1; done`,
  'echo all said',
];

describe('the memory of a worker', () => {
  it(`stays below ${LIMIT_MIB} MiB while ${JOBS} jobs write 1 MB a second each`, async (test) => {
    const place = await openOwnPlace({ concurrent: JOBS, runnerToml: '  output_limit = 65536' });
    test.after(() => place.close());
    const { installation } = place;
    const runner = await installation.start();
    const fault = `${JOBS} jobs with 1 MB of log a second`;
    await tryFault(place, { fault, moment: 'script' }, async ({ watch, mended }) => {
      const jobs = Array.from({ length: JOBS }, () =>
        watch(installation.gitlab.addJob({ script: SCRIPT, variables: [NO_GIT] }), ['all said']),
      );
      const ended = Promise.all(jobs.map((job) => job.whenFinished(300_000)));
      const peakMib = await measurePeakMib(runner, ended);
      mended();
      for (const job of jobs) assertJob(job, { state: 'success', log: ['all said'] });
      assert.ok(peakMib < LIMIT_MIB, `it took ${peakMib} MiB`);
      await installation.whenClean(60_000);
    });
  });
});

async function measurePeakMib(runner: RunnerProcess, until: Promise<unknown>): Promise<number> {
  const end = until.then(() => true);
  let peakMib = await residentMib(runner);
  while (!(await Promise.race([end, delay(PAUSE_MS, false)]))) {
    peakMib = Math.max(peakMib, await residentMib(runner));
  }
  return peakMib;
}

/**
 * Returns the memory of the program itself, without that of its Temporal, which is another process.
 */
async function residentMib({ pid }: RunnerProcess): Promise<number> {
  return Math.round((await memoryOf(pid, 'VmRSS')) / 1024 ** 2);
}
