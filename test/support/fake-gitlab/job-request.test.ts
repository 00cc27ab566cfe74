import assert from 'node:assert/strict';
import { it } from 'node:test';
import { INFO, openGitLab, TOKEN, whenNextArrives } from './test-client.ts';

const LAST_UPDATE = 'x-gitlab-last-update';

it('hands out the oldest job, once', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const [first, second] = [gitlab.addJob(), gitlab.addJob()];
  const ids: unknown[] = [];
  for (let request = 0; request < 2; request++) {
    const response = await client.requestJob();
    assert.equal(response.status, 201);
    ids.push(((await response.json()) as { id: number }).id);
  }
  assert.deepEqual(ids, [first.id, second.id]);
  assert.equal((await client.requestJob()).status, 204);
  assert.deepEqual([first.state, first.handedOut], ['running', 1]);
});

const TWO_PHASES = { info: { ...INFO, features: { two_phase_job_commit: true } } };

it('hands out a job again that no runner has acknowledged in time, and answers the first 409', async (t) => {
  const acknowledgeMs = 120_000;
  // Time passes only when the test says so: on a busy machine the second runner may be slow too.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { gitlab, client } = await openGitLab(t, { acknowledgeMs });
  const job = gitlab.addJob();
  await client.requestJob(TWO_PHASES);
  t.mock.timers.tick(acknowledgeMs);
  assert.equal(job.state, 'pending');
  assert.equal((await client.update(job, { state: 'running' })).status, 409);
  assert.equal((await client.requestJob(TWO_PHASES)).status, 201);
  assert.equal((await client.update(job, { state: 'running' })).status, 200);
  assert.equal((await client.update(job, { state: 'running' })).status, 200, 'told twice');
  assert.deepEqual(gitlab.violations, []);
});

it('leaves a job with a runner that has no acknowledgement', async (t) => {
  const { gitlab, client } = await openGitLab(t, { acknowledgeMs: 1 });
  const job = gitlab.addJob();
  await client.requestJob();
  await assert.rejects(job.whenState(['pending'], 50));
});

it('hands out a job twice when a test wants it, and leaves it with the first runner', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const job = gitlab.addJob();
  await client.requestJob(TWO_PHASES);
  assert.equal((await client.update(job, { state: 'running' })).status, 200);
  job.handOutAgain();
  assert.equal((await client.requestJob(TWO_PHASES)).status, 201);
  assert.equal((await client.update(job, { state: 'running' })).status, 409);
  assert.deepEqual([job.state, job.handedOut], ['running', 2]);
});

it('does not hand out the job of another runner', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  gitlab.addRunner({ token: 'glrt-second' });
  const job = gitlab.addJob({ runnerToken: 'glrt-second' });
  assert.equal((await client.requestJob()).status, 204);
  assert.equal(job.state, 'pending');
});

it('holds a request with the current last_update open until a job comes, then answers 204', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const lastUpdate = (await client.requestJob()).headers.get(LAST_UPDATE);
  const arrived = whenNextArrives(gitlab);
  const held = client.requestJob({ last_update: lastUpdate });
  await arrived;
  gitlab.addJob();
  const woken = await held;
  assert.equal(woken.status, 204);
  assert.equal(woken.headers.get(LAST_UPDATE), null, 'so the next request is not held');
  assert.equal((await client.requestJob({ last_update: lastUpdate })).status, 201);
});

it('answers 204 when the long poll is over', async (t) => {
  const { client } = await openGitLab(t, { longPollMs: 50 });
  const lastUpdate = (await client.requestJob()).headers.get(LAST_UPDATE);
  const startMs = Date.now();
  assert.equal((await client.requestJob({ last_update: lastUpdate })).status, 204);
  assert.ok(Date.now() - startMs >= 45);
});

it('does not hold a request with an old last_update', async (t) => {
  const { client } = await openGitLab(t);
  const response = await client.requestJob({ last_update: 'of another time' });
  assert.equal(response.status, 204);
  assert.notEqual(response.headers.get(LAST_UPDATE), null);
});

it('does not answer a held request for a job of another runner', async (t) => {
  const { gitlab, client } = await openGitLab(t, { longPollMs: 100 });
  gitlab.addRunner({ token: 'glrt-second' });
  const lastUpdate = (await client.requestJob()).headers.get(LAST_UPDATE);
  gitlab.addJob({ runnerToken: 'glrt-second' });
  const held = await client.requestJob({ last_update: lastUpdate });
  assert.equal(held.headers.get(LAST_UPDATE), null, 'it was held: its queue is the same');
});

it('gives no job to a runner that closed the connection while it waited', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const lastUpdate = (await client.requestJob()).headers.get(LAST_UPDATE);
  const hangUp = new AbortController();
  const arrived = whenNextArrives(gitlab);
  const held = fetch(`${gitlab.url}/api/v4/jobs/request`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token: TOKEN, last_update: lastUpdate }),
    signal: hangUp.signal,
  });
  await arrived;
  hangUp.abort();
  await assert.rejects(held);
  const job = gitlab.addJob();
  assert.equal((await client.requestJob()).status, 201);
  assert.equal(job.handedOut, 1);
});
