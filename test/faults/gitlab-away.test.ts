import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { contentOf } from '../support/artifact-content.ts';
import type { FakeAnswer, FakeJob, JobSpec } from '../support/fake-gitlab/types.ts';
import { it } from '../support/faults/fault-report.ts';
import { COUNTED, openOwnPlace, tryFault, type OwnPlace } from '../support/faults/own-trials.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const JOBS = 20;
/**
 * This time stands for an outage of a day: every pause between two tries has reached its maximum.
 */
const AWAY_MS = 60_000;
const DELIVERY_LIMIT_MS = 60_000;
/** A job must be requested again within this time, and not after minutes. */
const POLL_LIMIT_MS = 5_000;
const AWAY: FakeAnswer = { status: 503, body: '{"message":"503 Service Unavailable"}' };

describe('a GitLab that is away for long', () => {
  let place: OwnPlace;
  before(async () => {
    place = await openOwnPlace({
      // There is one slot more than there are waiting results.
      concurrent: JOBS + 1,
      runnerToml: '  request_concurrency = 4',
      gitlab: { traceUpdateIntervalSeconds: 1 },
    });
    await place.installation.start();
  });
  after(() => place.close());

  it(`gets ${JOBS} results with their traces and artifacts within a minute of its return`, () =>
    bridge('GitLab away for a minute', () => true));

  it('gets them also after a maintenance that refuses writes and answers reads', () =>
    bridge('GitLab in maintenance mode for a minute', (method) => method !== 'GET'));

  /** Lets jobs end while GitLab is away, and lets GitLab come back afterwards. */
  async function bridge(fault: string, isRefused: (method: string) => boolean): Promise<void> {
    await tryFault(place, { fault, moment: 'script' }, async ({ watch, mended }) => {
      const { installation, witness } = place;
      const { gitlab } = installation;
      const go = fault.replaceAll(' ', '-');
      const jobs = Array.from({ length: JOBS }, () =>
        watch(gitlab.addJob(specOf(go)), ['begun', 'end']),
      );
      await Promise.all(jobs.map((job) => job.whenLog(/begun/, 120_000)));
      const outage = gitlab.intercept(({ method }) => (isRefused(method) ? AWAY : undefined));
      await writeFile(join(witness, go), '');
      await delay(AWAY_MS); // The outage lasts this long.
      for (const job of jobs) assert.equal(job.state, 'running', 'it was away');
      outage.remove();
      mended();
      const next = watch(gitlab.addJob({ script: [COUNTED], variables: [NO_GIT] }));
      await Promise.all([
        next.whenState(['running', 'success'], POLL_LIMIT_MS),
        ...jobs.map((job) => job.whenFinished(DELIVERY_LIMIT_MS)),
      ]);
      for (const job of jobs) await assertDelivered(job);
      await next.whenFinished();
      await installation.whenClean(60_000);
      assert.deepEqual(gitlab.violations, []);
    });
  }
});

function specOf(go: string): JobSpec {
  const made = { paths: ['made.txt'], artifact_type: 'archive', artifact_format: 'zip' };
  return {
    script: [
      COUNTED,
      'echo begun',
      `until [ -e /witness/${go} ]; do sleep 0.2; done`,
      'echo "made by $CI_JOB_ID" > made.txt',
      'echo end',
    ],
    variables: [NO_GIT],
    payload: { artifacts: [made] },
  };
}

async function assertDelivered(job: FakeJob): Promise<void> {
  assertJob(job, { state: 'success', log: ['begun', 'end', 'Job succeeded'] });
  const [artifact, ...others] = job.artifacts;
  assert.ok(artifact !== undefined, 'nothing was uploaded');
  assert.deepEqual(others, []);
  assert.deepEqual(await contentOf(artifact), { 'made.txt': `made by ${job.id}\n` });
}
