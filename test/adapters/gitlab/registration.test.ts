import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  createRegistrationClient,
  type RegistrationClient,
  type VerifyReply,
} from '../../../src/adapters/gitlab/registration.ts';
import { RUNNER_FEATURES } from '../../../src/domain/runner/features.ts';
import { json, plain, startServer, type Answer, type ScriptedServer } from './support/server.ts';
import { PROGRAM, recordingLog, RUNNER_TOKEN as TOKEN } from './support/subjects.ts';

const EXPIRY = '2027-01-31T00:00:00.000Z';

function openClient(url: string): RegistrationClient {
  return createRegistrationClient({
    ...{ url, configDir: '/nonexistent', program: PROGRAM, env: {}, log: recordingLog() },
  });
}

describe('registration client', () => {
  let server: ScriptedServer;
  let client: RegistrationClient;
  before(async () => {
    server = await startServer();
    client = openClient(server.url);
  });
  after(async () => {
    await client.close();
    await server.close();
  });

  function lastRequest(): { readonly line: string; readonly body: Record<string, unknown> } {
    const request = server.requests.at(-1);
    assert.ok(request !== undefined);
    return { line: `${request.method} ${request.path}`, body: request.json() };
  }

  it('verifies with features, so that GitLab knows from the start what the machine can do', async () => {
    server.answer(json(200, { id: 5, token: TOKEN, token_expires_at: null }));
    await client.verifyRunner(TOKEN, 's_1');
    const { line, body } = lastRequest();
    assert.equal(line, 'POST /api/v4/runners/verify');
    assert.equal(server.requests.at(-1)?.headers['runner-token'], TOKEN);
    const { info, ...rest } = body;
    assert.deepEqual(rest, { token: TOKEN, system_id: 's_1' });
    const { features, executor } = info as Record<string, unknown>;
    assert.deepEqual({ features, executor }, { features: RUNNER_FEATURES, executor: 'docker' });
  });

  const valid = { kind: 'valid', id: 5, token: TOKEN } as const;
  const verified: [name: string, answer: Answer, expected: VerifyReply | RegExp][] = [
    ['200', json(200, { id: 5, token: TOKEN }), { ...valid, tokenExpiresAt: undefined }],
    [
      '200 with an expiry',
      json(200, { id: 5, token: TOKEN, token_expires_at: EXPIRY }),
      { ...valid, tokenExpiresAt: EXPIRY },
    ],
    [
      '200 in plain text of an old server',
      plain(200, { 'Content-Type': 'text/plain' }, '200'),
      { ...valid, id: 0, tokenExpiresAt: undefined },
    ],
    ['403', json(403, { message: '403 Forbidden' }), { kind: 'invalid' }],
    ['422', json(422, { message: 'Runner is orphaned' }), { kind: 'orphaned' }],
    ['a page', plain(200, { 'Content-Type': 'text/html' }, '<b>Hi</b>'), /text\/html.*"Hi"/],
    ['JSON that is a list', json(200, [1]), /where JSON was due/],
    ['500 for ever', plain(500), /status 500/],
    ['a reset', (response) => response.socket?.resetAndDestroy(), /runners\/verify failed/],
  ];
  for (const [name, answer, expected] of verified) {
    it(`an answer to verify that is ${name}`, async () => {
      server.answer(answer);
      const reply = await client.verifyRunner(TOKEN, 's_1');
      if (!(expected instanceof RegExp)) return assert.deepEqual(reply, expected);
      assert.ok(reply.kind === 'unknown', 'an outage never drops a runner');
      assert.match(reply.message, expected);
      assert.doesNotMatch(reply.message, /canary/);
    });
  }

  it('registers with a registration token and every field', async () => {
    server.answer(json(201, { id: 9, token: 'new-token', token_expires_at: EXPIRY }));
    const reply = await client.registerRunner('GR1348941canary', {
      ...{ description: 'box', maintenanceNote: 'ask me', tagList: ['a', 'b c'] },
      ...{ runUntagged: false, locked: true, accessLevel: 'ref_protected', paused: true },
      maximumTimeoutSeconds: 600,
    });
    const expected = { id: 9, token: 'new-token', tokenExpiresAt: EXPIRY };
    assert.deepEqual(reply, { kind: 'registered', ...expected });
    const { line, body } = lastRequest();
    assert.equal(line, 'POST /api/v4/runners');
    const { info, ...rest } = body;
    assert.equal((info as Record<string, unknown>)['executor'], undefined, 'not chosen yet');
    assert.deepEqual(rest, {
      ...{ token: 'GR1348941canary', description: 'box', maintenance_note: 'ask me' },
      ...{ tag_list: 'a,b c', run_untagged: false, locked: true, paused: true },
      ...{ access_level: 'ref_protected', maximum_timeout: 600 },
    });
  });

  it('leaves out what is not set, but never the three switches', async () => {
    server.answer(json(201, { id: 9, token: 'new-token' }));
    await client.registerRunner('GR', { runUntagged: true, locked: false, paused: false });
    const { info, ...rest } = lastRequest().body;
    assert.ok(info);
    assert.deepEqual(rest, { token: 'GR', run_untagged: true, locked: false, paused: false });
  });

  const refusals: [name: string, answer: Answer, kind: 'refused' | 'failed', words: RegExp][] = [
    ['403', json(403, { message: '403 Forbidden - invalid token' }), 'refused', /invalid token/],
    ['410', json(410, { message: '410 Gone - runner registration disallowed' }), 'refused', /Gone/],
    [
      '400 with fields',
      json(400, { message: { tags_list: ['is empty', 'is odd'], base: ['no'] } }),
      'refused',
      /status 400: tags_list: is empty; is odd, base: no/,
    ],
    [
      '502',
      plain(502, { 'Content-Type': 'text/html' }, '<h1>Bad Gateway</h1>'),
      'failed',
      /Gateway/,
    ],
    ['201 without a token', json(201, { id: 1 }), 'failed', /status 201/],
  ];
  for (const [name, answer, kind, words] of refusals) {
    it(`registration answered ${name} is ${kind}`, async () => {
      server.answer(answer);
      const switches = { runUntagged: true, locked: false, paused: false };
      const reply = await client.registerRunner('GR', switches);
      assert.ok(reply.kind === kind, reply.kind);
      assert.match(reply.message, words);
    });
  }

  it('unregisters the runner or only this machine', async () => {
    server.answer(plain(204));
    assert.deepEqual(await client.unregisterRunner(TOKEN), { kind: 'unregistered' });
    assert.deepEqual(lastRequest(), { line: 'DELETE /api/v4/runners', body: { token: TOKEN } });
    assert.deepEqual(await client.unregisterManager(TOKEN, 's_1'), { kind: 'unregistered' });
    assert.deepEqual(lastRequest(), {
      line: 'DELETE /api/v4/runners/managers',
      body: { token: TOKEN, system_id: 's_1' },
    });
    server.answer(json(403, { message: '403 Forbidden' }));
    assert.equal((await client.unregisterRunner(TOKEN)).kind, 'refused');
    server.answer(plain(500));
    assert.equal((await client.unregisterManager(TOKEN, 's_1')).kind, 'failed');
  });

  it('a url that is none is told, not thrown', async () => {
    const broken = openClient('gitlab.example.com');
    const reply = await broken.verifyRunner(TOKEN, 's_1');
    assert.ok(reply.kind === 'unknown');
    assert.match(reply.message, /"url" of the runner is "gitlab\.example\.com"/);
  });
});
