import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createCacheStore } from '../../../src/adapters/cache-stores/cache-stores.ts';
import { cacheConfigOf, SILENT } from './support.ts';

/** The time limit of a test. The client's own limit is longer. */
const QUICK = { timeout: 15_000 };

describe('signing of addresses', () => {
  let server: Server;
  before(async () => {
    // This server accepts all requests and answers none.
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const open = () => {
    const serverAddress = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const keys = { accessKey: 'access', secretKey: 'secret', bucketName: 'caches' };
    const s3 = { serverAddress, isInsecure: true, ...keys };
    const cache = cacheConfigOf({ type: 's3', s3 });
    const store = createCacheStore({ cache, log: SILENT, env: {} });
    assert.ok(store);
    return store;
  };

  it('ends when the stage is stopped, although the server does not answer', QUICK, async () => {
    const stop = new AbortController();
    server.once('request', () => stop.abort(new Error('stopped')));
    const asking = open().has('object', { timeoutMs: 600_000, signal: stop.signal });
    await assert.rejects(asking, /stopped/);
  });

  it('takes no longer than the call may take', QUICK, async () => {
    const { signal } = new AbortController();
    const asking = open().has('object', { timeoutMs: 200, signal });
    await assert.rejects(asking, /no credentials came in time/);
  });
});
