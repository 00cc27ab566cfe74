import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { it } from '../support/faults/fault-report.ts';
import {
  COUNTED,
  countRuns,
  openOwnPlace,
  tryFault,
  type OwnPlace,
} from '../support/faults/own-trials.ts';
import { NO_GIT } from '../support/scenario.ts';
import { startOuterTemporal, type OuterTemporal } from '../support/faults/temporal-faults.ts';

const JOBS = 20;
/**
 * This is twice the heartbeat time-out, so the calls of all jobs have timed out when Temporal is
 * back.
 */
const AWAY_MS = 60_000;
/** The last job must end within this time after Temporal's return. */
const RECOVERY_MS = 60_000;

const SCRIPT: readonly string[] = [
  COUNTED,
  'echo "begun $CI_JOB_ID"',
  'touch "/witness/$CI_JOB_ID.here"',
  'until [ -e "/witness/$CI_JOB_ID.go" ]; do sleep 0.5; done',
  'echo "done $CI_JOB_ID"',
];

describe(`Temporal with ${JOBS} jobs`, () => {
  let place: OwnPlace;
  let temporal: OuterTemporal;
  before(async () => {
    temporal = await startOuterTemporal();
    place = await openOwnPlace({
      ...{ concurrent: JOBS, runnerToml: `  limit = ${JOBS}\n  request_concurrency = 4` },
      env: { TEMPORAL_ADDRESS: temporal.address },
    });
    await place.installation.start();
  });
  after(async () => {
    await place.close();
    await temporal.close();
  });

  const has = ({ id }: FakeJob, what: string): boolean =>
    existsSync(join(place.witness, `${id}.${what}`));
  const letGo = (job: FakeJob): Promise<void> => writeFile(join(place.witness, `${job.id}.go`), '');

  /** Half of the jobs end while Temporal is away. */
  it('is away for longer than a heartbeat time-out: all continue, none runs twice', () =>
    tryFault(place, { fault: 'Temporal away, 20 jobs', moment: 'script' }, async (trial) => {
      const { gitlab } = place.installation;
      const jobs = Array.from({ length: JOBS }, () => {
        const job = gitlab.addJob({ script: SCRIPT, variables: [NO_GIT] });
        return trial.watch(job, [`begun ${job.id}`, `done ${job.id}`]);
      });
      await whenAll(jobs, (job) => has(job, 'here'));
      await temporal.kill();
      await Promise.all(jobs.slice(0, JOBS / 2).map(letGo));
      await delay(AWAY_MS); // The outage lasts this long.
      await temporal.start();
      trial.mended();
      const backMs = Date.now();
      await Promise.all(jobs.map(letGo));
      for (const job of jobs)
        assert.equal(await job.whenFinished(2 * RECOVERY_MS), 'success', job.log);
      const lastMs = Math.max(...jobs.map(({ finishedAtMs }) => finishedAtMs ?? Infinity));
      assert.ok(lastMs - backMs <= RECOVERY_MS, `the last has ended after ${lastMs - backMs} ms`);
      for (const job of jobs) {
        assert.equal(await countRuns(job, place.witness), 1);
        assert.equal(job.handedOut, 1);
        assert.equal(job.log.match(/^(begun|done) \d+$/gm)?.length, 2, job.log);
      }
      await place.installation.whenClean(60_000);
      assert.deepEqual(gitlab.violations, []);
    }));
});

async function whenAll(
  jobs: readonly FakeJob[],
  isReady: (job: FakeJob) => boolean,
): Promise<void> {
  const endMs = performance.now() + 180_000;
  while (!jobs.every(isReady)) {
    const late = jobs.filter((job) => !isReady(job)).length;
    if (performance.now() > endMs) throw new Error(`${late} jobs have not begun`);
    await delay(200);
  }
}
