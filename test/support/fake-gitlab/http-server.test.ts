import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { it } from 'node:test';
import { openCertificateRoom } from '../../adapters/gitlab/support/certificates.ts';
import { createFakeGitLab } from './index.ts';
import { openGitLab, openRunningJob, outputOf, whenNextArrives } from './test-client.ts';

it('records every request with its answer', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  await client.requestJob();
  const request = gitlab.requests.at(0);
  assert.equal(request?.method, 'POST');
  assert.equal(request.path, '/api/v4/jobs/request');
  assert.equal(request.status, 204);
  assert.equal((request.body as { system_id: string }).system_id, 's_0123456789ab');
  assert.equal(request.headers['content-type'], 'application/json');
});

it('sends the answer of an interceptor in place of its own', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const job = gitlab.addJob();
  const headers = { 'Retry-After': '7' };
  const interception = gitlab.intercept(({ kind }) =>
    kind === 'job_request' ? { status: 429, headers, body: '{"message":"later"}' } : undefined,
  );
  const response = await client.requestJob();
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('retry-after'), '7');
  assert.deepEqual(await response.json(), { message: 'later' });
  assert.deepEqual([interception.count, job.state], [1, 'pending']);
  interception.remove();
  assert.equal((await client.requestJob()).status, 201);
  assert.deepEqual([interception.count, gitlab.requests[0]?.status], [1, 429]);
});

it('executes a request before it sends the other answer if a test wants that', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  const interception = gitlab.intercept(({ jobId }) =>
    jobId === job.id ? { status: 502, afterwards: true } : undefined,
  );
  assert.equal((await client.patch(job, 0, 'one\n')).status, 502);
  assert.equal((await client.update(job, { state: 'success', ...outputOf('one\n') })).status, 502);
  assert.deepEqual([job.trace.toString(), job.state], ['one\n', 'success']);
  assert.equal(interception.count, 2);
});

it('asks the first interceptor first, and the next one when it has no answer', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const first = gitlab.intercept(() => undefined);
  const second = gitlab.intercept(() => ({ status: 500 }));
  const third = gitlab.intercept(() => ({ status: 501 }));
  assert.equal((await client.requestJob()).status, 500);
  assert.deepEqual([first.count, second.count, third.count], [0, 1, 0]);
});

for (const afterwards of [false, true]) {
  it(`cuts the connection ${afterwards ? 'after' : 'before'} the request is carried out`, async (t) => {
    const { gitlab, client, job } = await openRunningJob(t);
    gitlab.intercept(({ kind }) => (kind === 'trace' ? { cut: true, afterwards } : undefined));
    await assert.rejects(client.patch(job, 0, 'one\n'));
    assert.equal(job.trace.toString(), afterwards ? 'one\n' : '');
    assert.equal(gitlab.requests.at(-1)?.status, 0);
  });
}

it('allows a runner to repeat a call whose answer was lost', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  for (let time = 0; time < 6; time++) {
    const cut = gitlab.intercept(() => ({ cut: true, afterwards: true }));
    await assert.rejects(client.patch(job, 0, 'one\n'));
    cut.remove();
  }
  assert.deepEqual(gitlab.violations, []);
});

it('gives interceptors the kind of a call and its job', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  const seen: unknown[] = [];
  gitlab.intercept(({ kind, jobId, body }) => {
    seen.push([kind, jobId, body.length > 0]);
    return undefined;
  });
  await client.requestJob();
  await client.update(job, { state: 'running' });
  await client.patch(job, 0, 'x');
  await client.callJson('POST', 'runners/verify', { token: 'x' });
  await client.callJson('POST', 'runners', { token: 'x' });
  await client.callJson('DELETE', 'runners', { token: 'x' });
  await fetch(`${gitlab.repository.url}/info/refs?service=git-upload-pack`);
  assert.deepEqual(seen, [
    ['job_request', undefined, true],
    ['update', job.id, true],
    ['trace', job.id, true],
    ['verify', undefined, true],
    ['register', undefined, true],
    ['other', undefined, true],
    ['git', undefined, false],
  ]);
});

it('closes at once, also while it holds a request open', async () => {
  const gitlab = await createFakeGitLab({ longPollMs: 600_000 });
  gitlab.addRunner({ token: 'glrt-x' });
  const ask = (lastUpdate: string | null): Promise<Response> =>
    fetch(`${gitlab.url}/api/v4/jobs/request`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token: 'glrt-x', last_update: lastUpdate }),
    });
  const lastUpdate = (await ask(null)).headers.get('x-gitlab-last-update');
  const arrived = whenNextArrives(gitlab);
  const held = ask(lastUpdate);
  await arrived;
  const [outcome] = await Promise.all([held.catch(() => 'cut'), gitlab.close()]);
  assert.equal(outcome, 'cut');
});

it('serves https with a given certificate, and has https in its addresses', async (t) => {
  const room = await openCertificateRoom();
  t.after(() => room.close());
  const authority = await room.authority('an authority');
  const tls = await authority.issue('gitlab', ['DNS:localhost']);
  const gitlab = await createFakeGitLab({ tls, advertiseHost: 'localhost' });
  t.after(() => gitlab.close());
  assert.match(gitlab.url, /^https:\/\/localhost:\d+$/);
  assert.ok(gitlab.repository.url.startsWith(gitlab.url));
  const url = gitlab.url.replace('localhost', '127.0.0.1');
  const request = httpsRequest(`${url}/api/v4/runners/router/discovery`, {
    ca: authority.certPem,
    servername: 'localhost',
  });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  assert.equal(response.statusCode, 501);
});
