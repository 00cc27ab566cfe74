import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunnerConfig } from '../../../src/domain/runner/config.ts';
import { openCacheStore } from '../../../src/worker/caches/open-cache-store.ts';
import { cacheConfigOf, SILENT } from '../../adapters/cache-stores/support.ts';
import {
  openCertificateRoom,
  type Authority,
  type CertificateRoom,
} from '../../adapters/gitlab/support/certificates.ts';
import { plain, startServer, type ScriptedServer } from '../../adapters/gitlab/support/server.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

const CALL = { timeoutMs: 20_000, signal: new AbortController().signal };
const KEYS = { accessKey: 'access', secretKey: 'secret', bucketName: 'caches' };

/** Asks as a job does whether an object is in the store of an entry. */
async function ask(
  serverAddress: string,
  runner: Partial<RunnerConfig>,
  env: Readonly<Record<string, string>> = {},
): Promise<boolean> {
  const isInsecure = serverAddress.endsWith(':80');
  const s3 = { ...KEYS, serverAddress, isInsecure, bucketLocation: 'us-east-1' };
  const cache = cacheConfigOf({ type: 's3', s3 });
  const store = openCacheStore({ ...contextOf().runner, cache, ...runner }, { env, log: SILENT });
  assert.ok(store);
  return store.has('object', CALL);
}

function withVolumes(...volumes: string[]): Partial<RunnerConfig> {
  return { docker: { ...contextOf().runner.docker, volumes } };
}

describe('a cache store with a certificate of a private authority', () => {
  let room: CertificateRoom;
  let root: Authority;
  let server: ScriptedServer;
  let certificates: string;
  before(async () => {
    room = await openCertificateRoom();
    root = await room.authority('root');
    const leaf = await root.issue('leaf', ['IP:127.0.0.1']);
    server = await startServer({ cert: leaf.certPem, key: leaf.keyPem });
    server.answer(plain(200));
    certificates = join(room.directory, 'certs');
    await mkdir(certificates);
    await copyFile(root.certFile, join(certificates, 'ca.crt'));
  });
  after(async () => {
    await server.close();
    await room.close();
  });
  const address = (): string => `127.0.0.1:${server.port}`;

  it('is not trusted without settings', async () => {
    await assert.rejects(
      ask(address(), {}),
      /cannot reach the cache server: .*(certificate|verify)/,
    );
    await assert.rejects(ask(address(), withVolumes(`${certificates}:/certs`)), /cache server/);
  });

  it('is trusted with tls-ca-file of the entry', async () => {
    assert.equal(await ask(address(), { tlsCaFile: root.certFile }), true);
  });

  it('is trusted with SSL_CERT_FILE', async () => {
    assert.equal(await ask(address(), {}, { SSL_CERT_FILE: root.certFile }), true);
  });

  it('is trusted with the authority that volumes put where the helper looks for it', async () => {
    const file = withVolumes('/cache', `${root.certFile}:/etc/gitlab-runner/certs/ca.crt:ro`);
    assert.equal(await ask(address(), file), true);
    assert.equal(
      await ask(address(), withVolumes(`${certificates}:/etc/gitlab-runner/certs`)),
      true,
    );
  });
});

describe('a cache store behind a proxy', () => {
  let proxy: ScriptedServer;
  before(async () => {
    proxy = await startServer();
    proxy.answer(plain(200));
  });
  after(() => proxy.close());

  it('is asked through the proxy of the entry, which overrides that of the program', async () => {
    const environment = [`http_proxy=${proxy.url}`];
    const env = { HTTP_PROXY: 'http://127.0.0.1:9' };
    assert.equal(await ask('cache.test:80', { environment }, env), true);
    assert.equal(proxy.requests.at(-1)?.headers.host, 'cache.test');
  });

  it('is asked without either proxy if NO_PROXY names its host', async () => {
    const environment = [`http_proxy=${proxy.url}`, 'no_proxy=.test'];
    await assert.rejects(ask('cache.test:80', { environment }), /cannot reach the cache server/);
    const subnet = [`HTTP_PROXY=http://127.0.0.1:9`, 'NO_PROXY=127.0.0.0/8'];
    const { port } = proxy;
    proxy.answer(plain(200));
    const before = proxy.requests.length;
    const s3 = { ...KEYS, serverAddress: `127.0.0.1:${port}`, isInsecure: true };
    const cache = cacheConfigOf({ type: 's3', s3: { ...s3, bucketLocation: 'us-east-1' } });
    const runner = { ...contextOf().runner, cache, environment: subnet };
    assert.equal(await openCacheStore(runner, { env: {}, log: SILENT })?.has('object', CALL), true);
    assert.equal(proxy.requests.length, before + 1);
  });
});

describe('a cache store that is closed', () => {
  it('closes its idle connections, and opens new ones when it is used again', async (t) => {
    const server = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const s3 = { ...KEYS, serverAddress: `127.0.0.1:${port}`, isInsecure: true };
    const cache = cacheConfigOf({ type: 's3', s3: { ...s3, bucketLocation: 'us-east-1' } });
    const store = openCacheStore({ ...contextOf().runner, cache }, { env: {}, log: SILENT });
    assert.ok(store);
    for (let use = 0; use < 2; use += 1) {
      const connected = once(server, 'connection') as Promise<[Socket]>;
      assert.equal(await store.has('object', CALL), true);
      const [socket] = await connected;
      const closed = once(socket, 'close');
      await store.close();
      await closed;
    }
  });
});
