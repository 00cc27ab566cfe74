import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JobReply } from '../../../src/ports/index.ts';
import { RUNNER_FEATURES } from '../../../src/domain/runner/features.ts';
import { json, plain, startServer, type Answer, type ScriptedServer } from './support/server.ts';
import { openCoordinator, RUNNER_TOKEN } from './support/subjects.ts';

const HOUR_MS = 60 * 60_000;
describe('job request', () => {
  let server: ScriptedServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.close());

  it('identifies the runner in body and headers', async () => {
    server.answer(plain(204));
    const coordinator = openCoordinator(server.url);
    assert.deepEqual(await coordinator.requestJob({ mayWait: true }), { kind: 'no_job' });
    const request = server.requests.at(-1);
    assert.ok(request !== undefined);
    assert.equal(`${request.method} ${request.path}`, 'POST /api/v4/jobs/request');
    assert.equal(request.headers['runner-token'], RUNNER_TOKEN);
    assert.equal(request.headers['content-type'], 'application/json');
    assert.equal(request.headers['accept'], 'application/json');
    assert.equal(request.headers['content-length'], String(request.body.byteLength));
    assert.match(String(request.headers['x-request-id']), /^[0-9a-f]{32}$/);
    assert.match(
      String(request.headers['user-agent']),
      /^temporal-gitlab-runner 1\.2\.3 \(abc1234; node[\d.]+; linux\/amd64\)$/,
    );
    assert.deepEqual(request.json(), {
      info: {
        ...{ name: 'temporal-gitlab-runner', version: '19.4.0', revision: 'abc1234' },
        ...{ platform: 'linux', architecture: 'amd64', executor: 'docker', shell: 'bash' },
        features: RUNNER_FEATURES,
        config: { gpus: '' },
      },
      token: RUNNER_TOKEN,
      system_id: 's_0123456789ab',
    });
    await coordinator.close();
  });

  it('announces the terminal of the job that may come', async () => {
    server.answer(plain(204));
    const coordinator = openCoordinator(server.url);
    const session = { id: 'i', token: 't', url: 'https://r:1/session/i', certificatePem: 'PEM' };
    await coordinator.requestJob({ mayWait: false, session });
    assert.deepEqual(server.requests.at(-1)?.json()['session'], {
      ...{ url: 'https://r:1/session/i', certificate: 'PEM', authorization: 't' },
    });
    await coordinator.close();
  });

  it('echoes the last X-GitLab-Last-Update only when it may wait', async () => {
    const coordinator = openCoordinator(server.url);
    const sent = async (mayWait: boolean): Promise<unknown> => {
      await coordinator.requestJob({ mayWait });
      return server.requests.at(-1)?.json()['last_update'];
    };
    server.answer(plain(204, { 'X-GitLab-Last-Update': 'cursor-1' }));
    assert.equal(await sent(true), undefined, 'nothing to echo at first');
    server.answer(plain(204));
    assert.equal(await sent(false), undefined, 'GitLab must answer at once');
    assert.equal(await sent(true), 'cursor-1');
    assert.equal(await sent(true), 'cursor-1', 'an answer without the header changes nothing');
    await coordinator.close();
  });

  it('returns the payload unchecked, with the correlation id of the answer', async () => {
    const payload = { id: 7, token: 'job-token', absurd: [null] };
    server.answer(json(201, payload, { 'X-Request-Id': 'from-gitlab' }));
    const coordinator = openCoordinator(server.url);
    const offer = await coordinator.requestJob({ mayWait: false });
    assert.deepEqual(offer, {
      kind: 'job',
      payload,
      correlationId: 'from-gitlab',
      ...{ tlsCaPem: undefined, tlsCertPem: undefined, tlsKeyPem: undefined },
    });
    server.answer(json(201, payload));
    const other = await coordinator.requestJob({ mayWait: false });
    assert.ok(other.kind === 'job');
    assert.equal(other.correlationId, server.requests.at(-1)?.headers['x-request-id']);
    await coordinator.close();
  });

  const page = '<html><head><title>Sign in</title></head><body><script>x()</script>Please log in';
  const cases: [name: string, answer: Answer, kind: JobReply['kind'], words: RegExp][] = [
    ['403', json(403, { message: '403 Forbidden' }), 'forbidden', /status 403: 403 Forbidden/],
    ['409 lost race', plain(409), 'failed', /status 409/],
    ['422 orphaned', json(422, { message: { runner: ['is orphaned'] } }), 'failed', /is orphaned/],
    ['501, not retried', plain(501), 'failed', /status 501/],
    [
      '200 with a page',
      plain(200, { 'Content-Type': 'text/html' }, page),
      'failed',
      /Sign in Please log in/,
    ],
    [
      '201 with a page',
      plain(201, { 'Content-Type': 'text/html' }, page),
      'failed',
      /cannot be read.*text\/html/,
    ],
    [
      '201 with cut JSON',
      plain(201, { 'Content-Type': 'application/json' }, '{"id": 1'),
      'failed',
      /cannot be read/,
    ],
    ['201 without a body', plain(201), 'failed', /no content type/],
    ['201 as text', plain(201, { 'Content-Type': 'text/plain' }, '{}'), 'failed', /text\/plain/],
    [
      '301',
      plain(301, { Location: 'https://other.test/x?secret=1' }),
      'failed',
      /https:\/\/other\.test\/x\)/,
    ],
    ['302 to nowhere', plain(302), 'failed', /redirects to nowhere/],
  ];
  for (const [name, answer, kind, words] of cases) {
    it(`an answer ${name} is ${kind}, after one request`, async () => {
      server.answer(answer);
      const before = server.requests.length;
      const coordinator = openCoordinator(server.url);
      const reply = await coordinator.requestJob({ mayWait: false });
      assert.equal(reply.kind, kind);
      assert.ok('message' in reply);
      assert.match(reply.message, words);
      assert.doesNotMatch(reply.message, /canary|secret=1|<|x\(\)/);
      assert.equal(server.requests.length - before, 1);
      await coordinator.close();
    });
  }

  it('follows a limited number of 308 redirects on the same host with the body', async () => {
    const moved = plain(308, { Location: `${server.url}/moved/api/v4/jobs/request` });
    server.answer(moved, plain(204));
    const coordinator = openCoordinator(server.url);
    assert.equal((await coordinator.requestJob({ mayWait: false })).kind, 'no_job');
    const last = server.requests.at(-1);
    assert.equal(last?.path, '/moved/api/v4/jobs/request');
    assert.equal(last?.json()['token'], RUNNER_TOKEN);

    server.answer(moved);
    const before = server.requests.length;
    const reply = await coordinator.requestJob({ mayWait: false });
    assert.ok(reply.kind === 'failed');
    assert.match(reply.message, /redirects more than 5 times/);
    assert.equal(server.requests.length - before, 6);
    await coordinator.close();
  });

  it('never takes a token to another host', async () => {
    const other = await startServer();
    server.answer(plain(307, { Location: `http://localhost:${other.port}/api/v4/jobs/request` }));
    const coordinator = openCoordinator(server.url);
    const reply = await coordinator.requestJob({ mayWait: false });
    assert.ok(reply.kind === 'failed');
    assert.match(reply.message, /to another host.*set url in config\.toml/);
    assert.equal(other.requests.length, 0);
    await coordinator.close();
    await other.close();
  });

  it('works below a path, and with a trailing /ci', async () => {
    server.answer(plain(204));
    const coordinator = openCoordinator(`${server.url}/gitlab/ci/`);
    await coordinator.requestJob({ mayWait: false });
    assert.equal(server.requests.at(-1)?.path, '/gitlab/api/v4/jobs/request');
    await coordinator.close();
  });

  it('a malformed url counts against the runner, with a clear message', async () => {
    const coordinator = openCoordinator('gitlab.example.com');
    const reply = await coordinator.requestJob({ mayWait: false });
    assert.ok(reply.kind === 'forbidden');
    assert.match(
      reply.message,
      /"url" of the runner is "gitlab\.example\.com", .* http\(s\) address/,
    );
  });
});

describe('waits of the job request', () => {
  let server: ScriptedServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.close());

  it('tries again at once after 502 and 503', async () => {
    server.answer(plain(502), plain(503), plain(204));
    const coordinator = openCoordinator(server.url);
    assert.equal((await coordinator.requestJob({ mayWait: false })).kind, 'no_job');
    assert.equal(server.requests.length, 3);
    await coordinator.close();
  });

  it('gives up after five tries and returns the last answer', async () => {
    server.answer(json(503, { message: 'down for maintenance' }));
    const before = server.requests.length;
    const coordinator = openCoordinator(server.url);
    const reply = await coordinator.requestJob({ mayWait: false });
    assert.deepEqual(reply, { kind: 'failed', message: 'status 503: down for maintenance' });
    assert.equal(server.requests.length - before, 5);
    await coordinator.close();
  });

  it('waits for a short Retry-After', async () => {
    const coordinator = openCoordinator(server.url);
    server.answer(plain(429, { 'Retry-After': '1' }), plain(204));
    const startMs = Date.now();
    assert.equal((await coordinator.requestJob({ mayWait: false })).kind, 'no_job');
    assert.ok(Date.now() - startMs >= 990, 'GitLab asked for a second');
    await coordinator.close();
  });

  for (const header of ['60', new Date(Date.now() + HOUR_MS).toUTCString(), '1000000000']) {
    it(`sends nothing and holds no place during Retry-After: ${header}`, async () => {
      server.answer(plain(429, { 'Retry-After': header }));
      const before = server.requests.length;
      const coordinator = openCoordinator(server.url);
      const startMs = Date.now();
      assert.equal((await coordinator.requestJob({ mayWait: false })).kind, 'failed');
      assert.equal((await coordinator.requestJob({ mayWait: false })).kind, 'no_job');
      assert.ok(Date.now() - startMs < 5_000);
      assert.equal(server.requests.length - before, 1, 'the second request was not sent');
      await coordinator.close();
    });
  }
});
