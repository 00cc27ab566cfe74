import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openGitLab, openRunningJob, outputOf } from './test-client.ts';

it('resolves when a state is reached, or at once when it was', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const job = gitlab.addJob();
  const running = job.whenState(['running']);
  await client.requestJob();
  assert.equal(await running, 'running');
  assert.equal(await job.whenState(['running']), 'running');
  const finished = job.whenFinished();
  await client.update(job, { state: 'success', ...outputOf('') });
  assert.equal(await finished, 'success');
});

it('resolves when the log matches, across patches', async (t) => {
  const { client, job } = await openRunningJob(t);
  const match = job.whenLog(/hello (\w+)/);
  await client.patch(job, 0, '\x1b[32;1mhello ');
  await client.patch(job, 13, 'world\n');
  assert.equal((await match)[1], 'world');
});

it('shows the end of the log after the time limit', async (t) => {
  const { client, job } = await openRunningJob(t);
  await client.patch(job, 0, 'stuck here\n');
  await assert.rejects(job.whenFinished(10), /is running after 10 ms[^]*stuck here/);
  await assert.rejects(job.whenLog(/never/, 10), /not with \/never\/ in its log/);
});

it('cancels a job that no runner has', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const job = gitlab.addJob();
  job.cancel();
  assert.equal(job.state, 'canceled');
  assert.equal((await client.requestJob()).status, 204);
});

it('does not change an ended job', async (t) => {
  const { client, job } = await openRunningJob(t);
  await client.update(job, { state: 'success', ...outputOf('') });
  job.cancel();
  assert.equal(job.state, 'success');
});
