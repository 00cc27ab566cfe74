import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { ArtifactReply, ArtifactUpload } from '../../../src/ports/index.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { json, plain, startServer, type Answer, type ScriptedServer } from './support/server.ts';
import { JOB, openCoordinator } from './support/subjects.ts';

describe('upload of an artifact', () => {
  let server: ScriptedServer;
  let directory: string;
  before(async () => {
    server = await startServer();
    directory = await mkdtemp(join(tmpdir(), 'tgr-upload-'));
    await writeFile(join(directory, 'packed'), 'PK some bytes');
  });
  after(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  const uploadOf = (change: Partial<ArtifactUpload> = {}): ArtifactUpload => ({
    file: join(directory, 'packed'),
    ...{ filename: 'report.zip', format: 'zip', type: 'archive', expireIn: '2 weeks' },
    ...{ url: undefined, signal: new AbortController().signal },
    ...change,
  });
  const send = async (change: Partial<ArtifactUpload> = {}): Promise<ArtifactReply> => {
    const coordinator = openCoordinator(server.url);
    try {
      return await coordinator.uploadArtifact(JOB, uploadOf(change));
    } finally {
      await coordinator.close();
    }
  };

  it('is a form with one file, without a length, with the payload’s values in its query', async () => {
    server.answer(json(201, '201'));
    const reply = await send();
    assert.equal(reply.kind, 'created');
    assert.equal(reply.said, '201 Created');
    const { method, path, headers, body } = server.requests.at(-1) ?? assert.fail();
    assert.equal(method, 'POST');
    assert.equal(
      path,
      '/api/v4/jobs/7/artifacts?artifact_format=zip&artifact_type=archive&expire_in=2+weeks',
    );
    assert.equal(headers['job-token'], JOB.token);
    assert.equal(headers['transfer-encoding'], 'chunked');
    assert.match(headers['user-agent'] ?? '', /^temporal-gitlab-runner 1\.2\.3 /);
    assert.match(String(headers['x-request-id']), /^[0-9a-f]{32}$/);
    const boundary = /^multipart\/form-data; boundary=(\w+)$/.exec(
      headers['content-type'] ?? '',
    )?.[1];
    assert.equal(
      body.toString(),
      [
        `--${boundary}`,
        'Content-Disposition: form-data; name="file"; filename="report.zip"',
        'Content-Type: application/octet-stream',
        '',
        'PK some bytes',
        `--${boundary}--`,
        '',
      ].join('\r\n'),
    );
  });

  it('leaves out of the query what the payload does not set', async () => {
    server.answer(plain(201));
    await send({ format: '', type: '', expireIn: '' });
    assert.equal(server.requests.at(-1)?.path, '/api/v4/jobs/7/artifacts');
  });

  it('escapes a name that would end its header', async () => {
    server.answer(plain(201));
    await send({ filename: 'a"b\\c\r\nX: y' });
    const body = server.requests.at(-1)?.body.toString() ?? '';
    assert.ok(body.includes('filename="a\\"b\\\\c%0D%0AX: y"\r\n'), body);
  });

  const message = (status: number): Answer => json(status, { message: `${status} because` });
  const cases: [name: string, answer: Answer, kind: ArtifactReply['kind'], said: RegExp][] = [
    ['403', message(403), 'forbidden', /^403 because$/],
    ['413', plain(413), 'too_large', /^413 Request Entity Too Large$/],
    ['503', message(503), 'unavailable', /^503 because$/],
    ['400', message(400), 'failed', /^400 because$/],
    ['a page', plain(502, { 'Content-Type': 'text/html' }, '<p>x</p>'), 'failed', /^502 Bad Gat/],
    ['307 to nowhere', plain(307), 'failed', /empty location/],
    ['307 to nonsense', plain(307, { Location: 'mailto:a@b' }), 'failed', /not http\(s\)/],
    ['a quoted token', json(400, { message: JOB.token }), 'failed', /^\[MASKED\]$/],
  ];
  for (const [name, answer, kind, said] of cases) {
    it(`an answer ${name} is ${kind}`, async () => {
      server.answer(answer);
      const reply = await send();
      assert.equal(reply.kind, kind);
      assert.match(reply.said, said);
    });
  }

  it('sends the whole file again at once after a transient status', async () => {
    server.answer(plain(500), plain(500), plain(201));
    const before = server.requests.length;
    assert.equal((await send()).kind, 'created');
    const bodies = server.requests.slice(before).map(({ body }) => body.toString());
    assert.equal(bodies.length, 3);
    assert.ok(bodies.every((body) => body.includes('PK some bytes')));
  });

  const QUERY = 'artifact_format=zip&artifact_type=archive&expire_in=2+weeks';
  const redirects: [status: number, host: string, to: string, path: string, why: string][] = [
    [307, '127.0.0.1', '/uploads/7?x=1', '/uploads/7?x=1', 'the very address on the same host'],
    [308, '127.0.0.1', '/uploads/7?x=1', '/uploads/7?x=1', 'for good is no other'],
    [308, '127.0.0.1', '/uploads/7', `/uploads/7?${QUERY}`, 'GitLab goes by the query'],
    [
      ...([307, 'localhost', '/gitlab/api/v4/jobs/7/artifacts?x=1'] as const),
      ...([`/gitlab/api/v4/jobs/7/artifacts?${QUERY}`, 'its API on another host'] as const),
    ],
    [
      307,
      'localhost',
      '/elsewhere',
      `/api/v4/jobs/7/artifacts?${QUERY}`,
      'and no other address there',
    ],
  ];
  for (const [status, host, to, path, why] of redirects) {
    it(`sends the whole file again to the address of a ${status} to ${host}${to}: ${why}`, async () => {
      const other = await startServer();
      const base = other.url.replace('127.0.0.1', host);
      server.answer(plain(status, { Location: `${base}${to}` }));
      const reply = await send();
      const url = 'url' in reply ? reply.url : undefined;
      assert.deepEqual([reply.kind, url], ['redirected', `${base}${path}`]);
      other.answer(plain(201));
      assert.equal((await send({ url })).kind, 'created');
      const [request] = other.requests;
      assert.deepEqual([request?.method, request?.path], ['POST', path]);
      assert.equal(request?.headers['job-token'], JOB.token);
      assert.ok(request?.body.toString().includes('PK some bytes'));
      await other.close();
    });
  }

  it('throws with the pause that GitLab asks for', async () => {
    server.answer(json(429, { message: 'slowly' }, { 'Retry-After': '60' }));
    await assert.rejects(send(), (error: unknown) => {
      assert.ok(error instanceof TransientError);
      assert.equal(error.retryAfterMs, 60_000);
      return true;
    });
  });

  it('throws when no server answers', async () => {
    const paths: string[] = [];
    const onTry = ({ path }: { readonly path: string }): void => void paths.push(path);
    const coordinator = openCoordinator('http://127.0.0.1:1', { onTry });
    for (const url of [undefined, 'http://127.0.0.1:1/uploads/9?x=1']) {
      const address = url === undefined ? 'api/v4/jobs/7/artifacts' : 'uploads/9';
      await assert.rejects(coordinator.uploadArtifact(JOB, uploadOf({ url })), (error: Error) => {
        assert.ok(error instanceof TransientError);
        assert.match(error.message, RegExp(`^POST http://127.0.0.1:1/${address} failed: `));
        return true;
      });
    }
    await coordinator.close();
    // Metrics count the call, whatever its address.
    assert.deepEqual(paths, Array(2).fill(`jobs/7/artifacts?${QUERY}`));
  });

  it('ends at once when its signal aborts', async () => {
    const asked = new AbortController();
    server.answer(() => {
      asked.abort();
    });
    await assert.rejects(send({ signal: asked.signal }), TransientError);
  });

  it('ends at once also between two tries', async () => {
    const asked = new AbortController();
    server.answer(plain(429, { 'Retry-After': '4' }));
    const before = server.requests.length;
    const coordinator = openCoordinator(server.url, { onTry: () => asked.abort() });
    const startMs = Date.now();
    const sent = coordinator.uploadArtifact(JOB, uploadOf({ signal: asked.signal }));
    await assert.rejects(sent, TransientError);
    assert.ok(Date.now() - startMs < 3_900);
    assert.equal(server.requests.length - before, 1);
    await coordinator.close();
  });

  it('ends at once also in the middle of its file', async () => {
    const file = join(directory, 'never-ending');
    await promisify(execFile)('mkfifo', [file]);
    const writer = await open(file, 'r+');
    const asked = new AbortController();
    const aborting = server.nextHead().then(() => asked.abort());
    try {
      await assert.rejects(send({ file, signal: asked.signal }), TransientError);
      await aborting;
    } finally {
      await writer.close(); // This ends the pending read of the upload.
    }
  });

  it('ends when it takes longer than the configuration allows', async () => {
    server.answer(() => undefined);
    const artifact = { uploadTimeoutMs: 50, responseHeaderTimeoutMs: 600_000 };
    const coordinator = openCoordinator(server.url, { runner: { artifact } });
    await assert.rejects(coordinator.uploadArtifact(JOB, uploadOf()), /no answer in 50 ms/);
    await coordinator.close();
  });

  it('is not held in memory', async () => {
    const sizeBytes = 300 * 1024 * 1024;
    const file = join(directory, 'large');
    await writeFile(file, '');
    await truncate(file, sizeBytes);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    let receivedBytes = 0;
    const sink = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => {
        receivedBytes += chunk.byteLength;
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      });
      request.on('end', () => response.writeHead(201).end());
    });
    sink.listen(0, '127.0.0.1');
    await once(sink, 'listening');
    const coordinator = openCoordinator(`http://127.0.0.1:${(sink.address() as AddressInfo).port}`);
    assert.equal((await coordinator.uploadArtifact(JOB, uploadOf({ file }))).kind, 'created');
    assert.ok(receivedBytes > sizeBytes);
    assert.ok(most < 100 * 1024 * 1024, `${most} bytes were held`);
    await coordinator.close();
    sink.close();
  });
});
