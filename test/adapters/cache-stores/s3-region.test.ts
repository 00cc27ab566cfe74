import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createCacheStore } from '../../../src/adapters/cache-stores/cache-stores.ts';
import { cacheConfigOf, SILENT } from './support.ts';

const ANSWER = `<?xml version="1.0" encoding="UTF-8"?>
<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-north-1</LocationConstraint>`;

void test('the region of a bucket is requested through the same proxy as caches', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-s3-region-'));
  t.after(() => rm(directory, { recursive: true }));
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    const { method = '', url = '' } = request;
    asked.push(`${method} ${url}`);
    request.resume();
    response.end(method === 'GET' ? ANSWER : undefined);
  });
  t.after(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const s3 = {
    ...{ serverAddress: 's3.storage.invalid', accessKey: 'a-key', secretKey: 'a-secret' },
    ...{ bucketName: 'bucket', isInsecure: true, isPathStyle: true },
  };
  const store = createCacheStore({
    cache: cacheConfigOf({ type: 's3', s3 }),
    log: SILENT,
    env: { http_proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` },
  });
  const file = join(directory, 'file');
  await writeFile(file, 'content');
  await store?.upload('object', {
    ...{ file, modifiedMs: 0, metadata: {}, timeoutMs: 20_000 },
    signal: new AbortController().signal,
  });
  const [question = '', sent = '', ...more] = asked;
  assert.match(question, /^GET http:\/\/s3\.storage\.invalid\/bucket\/?\?location/);
  assert.match(sent, /^PUT http:\/\/s3\.storage\.invalid\/bucket\/object\?.*eu-north-1/);
  assert.deepEqual(more, []);
});
