import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openRunningJob } from './test-client.ts';

it('appends patches and answers the length, the state and the update interval', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  const response = await client.patch(job, 0, 'one\n');
  assert.equal(response.status, 202);
  assert.equal(response.headers.get('range'), '0-4');
  assert.equal(response.headers.get('job-status'), 'running');
  assert.equal(response.headers.get('x-gitlab-trace-update-interval'), '3');
  await client.patch(job, 4, 'two\n');
  assert.equal(job.trace.toString(), 'one\ntwo\n');
  assert.deepEqual(gitlab.violations, []);
});

it('answers 416 to a gap, which is a violation', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  await client.patch(job, 0, 'one\n');
  const response = await client.patch(job, 9, 'two\n');
  assert.equal(response.status, 416);
  assert.equal(response.headers.get('range'), '0-4');
  assert.match(gitlab.violations.join('\n'), /a gap: starts at 9, GitLab has 4/);
});

it('accepts a patch that it already has, as GitLab does', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  await client.patch(job, 0, 'one\n');
  assert.equal((await client.patch(job, 0, 'one\n')).status, 202);
  assert.equal((await client.patch(job, 0, 'one\ntwo\n')).status, 416);
  assert.equal(job.trace.toString(), 'one\n');
  assert.deepEqual(gitlab.violations, [], 'a runner that was killed may do that');
});

it('reports bytes that are repeated too often', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  for (let time = 0; time < 5; time++) await client.patch(job, 0, 'one\n');
  assert.match(gitlab.violations.join('\n'), /once more/);
});

it('reports bytes that differ from those sent before', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  await client.patch(job, 0, 'one\n');
  await client.patch(job, 0, 'ONE\n');
  assert.match(gitlab.violations.join('\n'), /other bytes than before from 0 on/);
});

it('allows the gap that its own loss of trace causes', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  await client.patch(job, 0, 'one\ntwo\n');
  job.loseTrace(4);
  const response = await client.patch(job, 8, 'three\n');
  assert.equal(response.status, 416);
  assert.equal(response.headers.get('range'), '0-4');
  assert.equal((await client.patch(job, 4, 'two\nthree\n')).status, 202);
  assert.deepEqual(gitlab.violations, []);
});

interface BadPatch {
  readonly headers: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: string;
  readonly status: number;
  readonly expected: RegExp;
}

const badPatches: readonly BadPatch[] = [
  { headers: {}, status: 400, expected: /Content-Range is undefined/ },
  {
    headers: { 'Content-Range': 'bytes 0-3/4' },
    ...{ status: 400, expected: /Content-Range is bytes/ },
  },
  {
    headers: { 'Content-Range': '0-4' },
    ...{ status: 202, expected: /0-4 with 4 bytes/ },
  },
  {
    headers: { 'Content-Range': '0-3' },
    ...{ query: '', status: 202, expected: /debug_trace is null/ },
  },
  {
    headers: { 'Content-Range': `0-${4 * 1024 * 1024}` },
    body: 'x'.repeat(4 * 1024 * 1024 + 1),
    ...{ status: 202, expected: /4194305 bytes in one patch/ },
  },
  {
    headers: { 'Content-Range': '0-3', 'Content-Type': 'application/octet-stream' },
    ...{ status: 202, expected: /Content-Type is application\/octet-stream/ },
  },
];
for (const {
  headers,
  query = '?debug_trace=true',
  body = 'one\n',
  status,
  expected,
} of badPatches) {
  it(`${query} with ${JSON.stringify(headers)} is answered ${status} and a violation`, async (t) => {
    const { gitlab, client, job } = await openRunningJob(t);
    const response = await client.call({
      ...{ method: 'PATCH', path: `jobs/${job.id}/trace${query}`, body },
      headers: { 'JOB-TOKEN': job.token, 'Content-Type': 'text/plain', ...headers },
    });
    assert.equal(response.status, status);
    assert.match(gitlab.violations.join('\n'), expected);
  });
}
