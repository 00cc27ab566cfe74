import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { Agent } from 'undici';
import { createTransfer } from '../../../src/adapters/cache-stores/transfer.ts';
import type { PresignedRequest, UploadPart } from '../../../src/adapters/cache-stores/presigner.ts';
import { FinalError } from '../../../src/domain/failure.ts';

/** Uploads a file of ten digits to a server. Returns what that got. */
async function upload(t: TestContext, partsOf: PresignedRequest['partsOf'], refused = '/none') {
  const received: string[] = [];
  let agent = new Agent();
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { url = '', headers } = request;
      received.push([url, headers['x-part'], headers['content-length'], body].join(' '));
      // Another build replaces the connections at this moment.
      void agent.close();
      agent = new Agent();
      response.writeHead(url === refused ? 413 : 201).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const directory = await mkdtemp(join(tmpdir(), 'tgr-transfer-'));
  t.after(async () => {
    await agent.close();
    server.close();
    await rm(directory, { recursive: true });
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const file = join(directory, 'file');
  await writeFile(file, '0123456789');
  const moved = (sizeBytes: number) =>
    partsOf?.(sizeBytes)?.map((part) => ({ ...part, url: `${base}${part.url}` }));
  const presigned = { url: `${base}/whole`, headers: { 'x-part': 'all' }, partsOf: moved };
  const signal = new AbortController().signal;
  const call = { file, modifiedMs: 0, metadata: {}, timeoutMs: 20_000, signal };
  const outcome = await createTransfer(() => Promise.resolve(agent))
    .upload(presigned, call)
    .catch((error: unknown) => error);
  return { received, outcome };
}

const PARTS: readonly UploadPart[] = [
  { url: '/1', headers: { 'x-part': 'a' }, content: { startByte: 0, endByte: 6 } },
  { url: '/2', headers: { 'x-part': 'b' }, content: { startByte: 6, endByte: 10 } },
  { url: '/end', headers: { 'x-part': 'c' }, content: '<größe/>' },
];

describe('an upload to a store', () => {
  it('is one request', async (t) => {
    const { received, outcome } = await upload(t, () => undefined);
    assert.deepEqual([received, outcome], [['/whole all 10 0123456789'], undefined]);
  });

  it('is as many requests as the store needs for its size', async (t) => {
    const { received, outcome } = await upload(t, (size) => (size === 10 ? PARTS : undefined));
    const expected = ['/1 a 6 012345', '/2 b 4 6789', '/end c 10 <größe/>'];
    assert.deepEqual([received, outcome], [expected, undefined]);
  });

  it('ends at the first request that is refused', async (t) => {
    const { received, outcome } = await upload(t, () => PARTS, '/2');
    assert.equal(received.length, 2);
    assert.ok(outcome instanceof FinalError);
  });
});
