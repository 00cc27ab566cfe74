import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openGitLab, openRunningJob, outputOf } from './test-client.ts';

it('answers an update of a running job', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  const response = await client.update(job, { state: 'running' });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('job-status'), 'running');
  assert.deepEqual(gitlab.violations, []);
});

it('ends a job with its reason and exit code', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  await client.patch(job, 0, 'log\n');
  const end = { state: 'failed', failure_reason: 'script_failure', exit_code: 3 };
  const response = await client.update(job, { ...end, ...outputOf('log\n') });
  assert.equal(response.status, 200);
  assert.deepEqual([job.state, job.failureReason, job.exitCode], ['failed', 'script_failure', 3]);
  assert.ok(job.finishedAtMs !== undefined);
  assert.deepEqual(gitlab.violations, []);
});

it('refuses a final state with a wrong checksum once, then accepts it', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  await client.patch(job, 0, 'lOg\n');
  const end = { state: 'success', ...outputOf('log\n') };
  assert.equal((await client.update(job, end)).status, 412);
  assert.equal(job.state, 'running');
  assert.match(gitlab.violations.join('\n'), /but what came has crc32:/);
  assert.equal((await client.patch(job, 0, 'log\n')).status, 202, 'from its start again');
  assert.equal((await client.update(job, end)).status, 200);
  assert.equal(job.state, 'success');
  assert.equal(gitlab.violations.length, 1);
});

it('reports a final state before the end of the trace', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  await client.patch(job, 0, 'log');
  await client.update(job, { state: 'success', ...outputOf('log\n') });
  assert.match(gitlab.violations.join('\n'), /final with 4 bytes of trace, of which 3 came/);
});

it('reports no violation for a trace that GitLab has lost', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  await client.patch(job, 0, 'log\n');
  job.loseTrace(0);
  assert.equal((await client.update(job, { state: 'success', ...outputOf('log\n') })).status, 412);
  await client.patch(job, 0, 'log\n');
  assert.equal((await client.update(job, { state: 'success', ...outputOf('log\n') })).status, 200);
  assert.deepEqual(gitlab.violations, []);
});

interface BadUpdate {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly status: number;
  readonly expected: RegExp;
}

const badUpdates: readonly BadUpdate[] = [
  { fields: { state: 'canceled' }, status: 400, expected: /the state "canceled"/ },
  { fields: {}, status: 400, expected: /the state undefined/ },
  {
    fields: { state: 'failed', failure_reason: 'bad_luck', ...outputOf('') },
    ...{ status: 400, expected: /the failure_reason "bad_luck"/ },
  },
  {
    fields: { state: 'failed', ...outputOf('') },
    ...{ status: 400, expected: /the failure_reason ""/ },
  },
  {
    fields: { state: 'success', failure_reason: 'script_failure', ...outputOf('') },
    ...{ status: 400, expected: /success with a failure_reason/ },
  },
  { fields: { state: 'success' }, status: 412, expected: /without output\.checksum/ },
  { fields: { state: 'running', info: {} }, status: 200, expected: /no info\.features/ },
];
for (const { fields, status, expected } of badUpdates) {
  it(`${JSON.stringify(fields)} is answered ${status} and a violation`, async (t) => {
    const { gitlab, client, job } = await openRunningJob(t);
    assert.equal((await client.update(job, fields)).status, status);
    assert.match(gitlab.violations.join('\n'), expected);
  });
}

it('accepts only the failure reasons of its payload and those of every GitLab', async (t) => {
  const payload = { features: { failure_reasons: ['runner_system_failure'] } };
  const { client, job } = await openRunningJob(t, { payload });
  const end = { state: 'failed', ...outputOf('') };
  const refused = await client.update(job, { ...end, failure_reason: 'image_pull_failure' });
  assert.equal(refused.status, 400);
  const taken = await client.update(job, { ...end, failure_reason: 'script_failure' });
  assert.equal(taken.status, 200);
});

it('cancels through canceling if the runner supports it, and ends so whatever is reported', async (t) => {
  const { client, job } = await openRunningJob(t);
  job.cancel();
  assert.equal(job.state, 'canceling');
  const response = await client.update(job, { state: 'running' });
  assert.equal(response.headers.get('job-status'), 'canceling');
  const end = { state: 'failed', failure_reason: 'script_failure', exit_code: 1 };
  await client.update(job, { ...end, ...outputOf('') });
  assert.deepEqual([job.state, job.failureReason], ['canceled', undefined]);
});

it('cancels at once if the runner does not support canceling', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const job = gitlab.addJob();
  await client.requestJob({ info: { features: { cancel_gracefully: false } } });
  job.cancel();
  assert.equal(job.state, 'canceled');
  const response = await client.update(job, { state: 'running' });
  assert.equal(response.status, 403);
  assert.equal(response.headers.get('job-status'), 'canceled');
});

it('refuses calls about an ended job, and reports a runner that continues', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  await client.update(job, { state: 'success', ...outputOf('') });
  for (let call = 1; call <= 3; call++) {
    assert.equal((await client.patch(job, 0, 'late\n')).status, 403);
  }
  assert.deepEqual(gitlab.violations, []);
  await client.patch(job, 0, 'late\n');
  assert.match(gitlab.violations.join('\n'), /goes on about a job that is over/);
});

it('refuses calls about a job that was erased, without a state', async (t) => {
  const { client, job } = await openRunningJob(t);
  job.erase();
  const response = await client.update(job, { state: 'running' });
  assert.equal(response.status, 403);
  assert.equal(response.headers.get('job-status'), null);
});

it('refuses the token of another job, and a job that was not handed out', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  const pending = gitlab.addJob();
  const crossed = { id: job.id, token: pending.token };
  assert.equal((await client.update(crossed, { state: 'running' })).status, 403);
  assert.equal((await client.update(pending, { state: 'running' })).status, 403);
  assert.match(gitlab.violations.join('\n'), /not the job's token[^]*never handed out/);
});
