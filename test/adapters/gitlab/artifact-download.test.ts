import assert from 'node:assert/strict';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import type { DownloadRequest, DownloadReply } from '../../../src/ports/index.ts';
import { FinalError } from '../../../src/domain/failure.ts';
import { scratchDirectory } from '../archives/support.ts';
import { json, plain, startServer, type ScriptedServer } from './support/server.ts';
import { JOB, openCoordinator } from './support/subjects.ts';

describe('the download of artifacts', () => {
  let gitlab: ScriptedServer;
  let storage: ScriptedServer;
  beforeEach(async () => {
    gitlab = await startServer();
    storage = await startServer();
  });
  afterEach(async () => {
    await gitlab.close();
    await storage.close();
  });

  async function fetched(
    t: TestContext,
    change: Partial<DownloadRequest> = {},
  ): Promise<DownloadReply & { readonly text: string }> {
    const file = change.file ?? join(await scratchDirectory(t), 'artifacts');
    const coordinator = openCoordinator(gitlab.url);
    t.after(() => coordinator.close());
    const { signal } = new AbortController();
    const reply = await coordinator.downloadArtifact(JOB, {
      file,
      isDirect: true,
      signal,
      ...change,
    });
    const text = reply.kind === 'done' ? await readFile(file, 'utf8') : '';
    return { ...reply, text };
  }

  it('comes from GitLab itself, with the job’s own token', async (t) => {
    gitlab.answer(plain(200, { 'X-Request-Id': 'its-id' }, 'zip'));
    const { kind, text, correlationId, host } = await fetched(t);
    assert.deepEqual([kind, text, correlationId], ['done', 'zip', 'its-id']);
    assert.equal(host, new URL(gitlab.url).host);
    const [request] = gitlab.requests;
    assert.equal(request?.path, `/api/v4/jobs/${JOB.jobId}/artifacts?direct_download=true`);
    assert.equal(request?.headers['job-token'], JOB.token);
  });

  it('does not say direct_download at all when it is not wanted', async (t) => {
    gitlab.answer(plain(200, {}, 'zip'));
    await fetched(t, { isDirect: false });
    assert.equal(gitlab.requests[0]?.path, `/api/v4/jobs/${JOB.jobId}/artifacts`);
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`follows a ${status} to another host, which gets neither token nor request id`, async (t) => {
      storage.answer(plain(200, {}, 'stored'));
      gitlab.answer(plain(status, { Location: `${storage.url}/signed?X-Amz-Signature=s` }));
      const { kind, text, host } = await fetched(t);
      assert.deepEqual([kind, text, host], ['done', 'stored', new URL(storage.url).host]);
      const headers = storage.requests[0]?.headers ?? {};
      assert.deepEqual(Object.keys(headers).sort(), ['connection', 'host', 'user-agent']);
    });
  }

  it('keeps the token for a redirect within GitLab', async (t) => {
    gitlab.answer(plain(302, { Location: '/elsewhere' }), plain(200, {}, 'zip'));
    assert.equal((await fetched(t)).text, 'zip');
    assert.equal(gitlab.requests[1]?.headers['job-token'], JOB.token);
  });

  it('takes the token along when GitLab is behind another port of its host', async (t) => {
    const path = `/api/v4/jobs/${JOB.jobId}/artifacts`;
    storage.answer(plain(302, { Location: '/signed' }), plain(200, {}, 'zip'));
    gitlab.answer(plain(308, { Location: `${storage.url}${path}` }));
    assert.equal((await fetched(t)).text, 'zip');
    const tokens = storage.requests.map(({ headers }) => headers['job-token']);
    assert.deepEqual(tokens, [JOB.token, JOB.token], 'it is GitLab itself from there on');
  });

  const finals: readonly (readonly [DownloadReply['kind'], number, string])[] = [
    ['unauthorized', 401, '401 Unauthorized'],
    ['forbidden', 403, '403 Forbidden - private'],
    ['not_found', 404, '404 Not Found'],
    ['failed', 418, "418 I'm a Teapot"],
  ];
  for (const [kind, status, said] of finals) {
    it(`reports a ${status} as ${kind}, at once`, async (t) => {
      gitlab.answer(json(status, { message: '403 Forbidden - private' }));
      const reply = await fetched(t, { isDirect: false });
      assert.deepEqual([reply.kind, reply.status, reply.said], [kind, status, said]);
      assert.equal(gitlab.requests.length, 1);
    });
  }

  it('includes the storage’s message in a refusal, without the token that it quotes', async (t) => {
    const xml = `<Error><Code>AccessDenied</Code><Message>no ${JOB.token}</Message></Error>`;
    storage.answer(plain(403, { 'Content-Type': 'application/xml' }, xml));
    gitlab.answer(plain(302, { Location: storage.url }));
    assert.equal((await fetched(t)).said, 'code: AccessDenied, message: no [MASKED]');
  });

  it('is tried again when GitLab is busy, except for a direct download', async (t) => {
    gitlab.answer(plain(503), plain(200, {}, 'zip'));
    assert.equal((await fetched(t, { isDirect: false })).kind, 'done');
    gitlab.answer(plain(503));
    assert.equal((await fetched(t)).kind, 'failed');
  });

  for (const isDirect of [true, false]) {
    const kind = isDirect ? 'a direct' : 'an ordinary';
    it(`as ${kind} one returns the long wait that GitLab asks for`, async (t) => {
      gitlab.answer(plain(429, { 'Retry-After': '60' }));
      const { status, retryAfterMs } = await fetched(t, { isDirect });
      assert.deepEqual([status, retryAfterMs, gitlab.requests.length], [429, 60_000, 1]);
    });
  }

  it('leaves the wait of a GitLab that is under maintenance, which may be back sooner', async (t) => {
    gitlab.answer(plain(503, { 'Retry-After': '3600' }));
    const { kind, retryAfterMs } = await fetched(t);
    assert.deepEqual([kind, retryAfterMs], ['failed', undefined]);
  });

  it('is unreachable when it is cut off in the middle, and never quotes a signed address', async (t) => {
    storage.answer((response) => {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('begun', () => response.destroy());
    });
    gitlab.answer(plain(302, { Location: `${storage.url}/?X-Amz-Signature=secret` }));
    const { kind, status, said } = await fetched(t);
    assert.deepEqual([kind, status], ['unreachable', 0]);
    assert.doesNotMatch(said, /secret/);
  });

  const nowhere = ['', 'ftp://host/file', 'file:///etc/passwd', 'http://'];
  for (const location of nowhere) {
    it(`does not follow a redirect to ${JSON.stringify(location)}`, async (t) => {
      gitlab.answer(plain(302, location === '' ? {} : { Location: location }));
      const { kind, said } = await fetched(t);
      assert.deepEqual([kind, said], ['unreachable', 'GitLab redirects without an address']);
    });
  }

  it('does not follow circular redirects', async (t) => {
    gitlab.answer(plain(302, { Location: gitlab.url }));
    assert.match((await fetched(t)).said, /more than 10 redirects/);
  });

  it('fails permanently when the disk is full, and names the path', async (t) => {
    gitlab.answer(plain(200, {}, 'zip'));
    const file = join(await scratchDirectory(t), 'full');
    await symlink('/dev/full', file); // This is a device without any room.
    await assert.rejects(fetched(t, { file }), (error) => {
      assert.ok(error instanceof FinalError);
      assert.match(error.message, /cannot write .*full \(ENOSPC\): the disk is full/);
      return true;
    });
  });

  it('ends with the reason of the signal', async (t) => {
    const abort = new AbortController();
    gitlab.answer((response) => {
      response.writeHead(200);
      response.write('begun');
      abort.abort(new Error('stopped'));
    });
    await assert.rejects(fetched(t, { signal: abort.signal }), /stopped/);
  });
});
