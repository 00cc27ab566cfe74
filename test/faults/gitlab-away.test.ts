import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { contentOf } from '../support/artifact-content.ts';
import type { FakeAnswer, FakeJob } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const JOBS = 20;
/** A day of a real outage, compressed: by then every pause between two tries is as long as it gets. */
const AWAY_MS = 60_000;
const DELIVERY_LIMIT_MS = 60_000;
/** A runner that backs off for long would be idle for minutes. */
const POLL_LIMIT_MS = 5_000;
const AWAY: FakeAnswer = { status: 503, body: '{"message":"503 Service Unavailable"}' };

describe('a GitLab that is away for long', () => {
  let installation: Installation;
  let witness: string;
  before(async () => {
    witness = await mkdtemp(join(tmpdir(), 'tgr-witness-'));
    installation = await openInstallation({
      // One place more than there are results that wait.
      concurrent: JOBS + 1,
      runnerToml: '  request_concurrency = 4',
      dockerToml: `    volumes = ["${witness}:/witness"]\n`,
      gitlab: { traceUpdateIntervalSeconds: 1 },
    });
    await installation.start();
  });
  after(async () => {
    await installation.close();
    await rm(witness, { recursive: true, force: true });
  });

  it(`gets ${JOBS} results with all they have made within a minute of its return`, () =>
    bridge('first', () => true));

  it('or is under maintenance: what is written is refused, what is read is answered', () =>
    bridge('second', (method) => method !== 'GET'));

  /** Jobs end while it is away; then it is back. */
  async function bridge(name: string, isRefused: (method: string) => boolean): Promise<void> {
    const { gitlab } = installation;
    const jobs = Array.from({ length: JOBS }, () => gitlab.addJob(specOf(name)));
    await Promise.all(jobs.map((job) => job.whenLog(/begun/, 120_000)));
    const outage = gitlab.intercept(({ method }) => (isRefused(method) ? AWAY : undefined));
    await writeFile(join(witness, name), '');
    await delay(AWAY_MS); // the outage itself
    for (const job of jobs) assert.equal(job.state, 'running', 'it was away');
    outage.remove();
    const next = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    await Promise.all([
      next.whenState(['running', 'success'], POLL_LIMIT_MS),
      ...jobs.map((job) => job.whenFinished(DELIVERY_LIMIT_MS)),
    ]);
    for (const job of jobs) await assertDelivered(job);
    await next.whenFinished();
    await installation.whenClean(60_000);
    assert.deepEqual(gitlab.violations, []);
  }
});

function specOf(name: string) {
  const made = { paths: ['made.txt'], artifact_type: 'archive', artifact_format: 'zip' };
  return {
    script: [
      'echo begun',
      `until [ -e /witness/${name} ]; do sleep 0.2; done`,
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
