import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  openCertificateRoom,
  type Authority,
  type CertificateRoom,
} from '../adapters/gitlab/support/certificates.ts';
import { startConnectProxy } from '../adapters/gitlab/support/connect-proxy.ts';
import { cacheOf, filled, found, FOUND } from '../support/cache-jobs.ts';
import { play } from '../support/faults/sequences.ts';
import { bridgeGateway, finish, openInstallation } from '../support/installation.ts';
import { openS3Server, s3CacheToml, s3Skip, type S3Server } from '../support/s3-server.ts';

describe('caches in S3 behind a private certificate authority', { skip: s3Skip() }, () => {
  let room: CertificateRoom;
  let authority: Authority;
  let server: S3Server;
  before(async () => {
    room = await openCertificateRoom();
    authority = await room.authority('company');
    // The server listens on the bridge, because no proxy is used for a loopback address.
    const host = await bridgeGateway();
    const tls = await authority.issue('s3', [`IP:${host}`]);
    server = await openS3Server({ host, tls });
  });
  after(async () => {
    await server.close();
    await room.close();
  });

  const withRunner = async (
    options: { readonly runnerToml?: string; readonly env?: Readonly<Record<string, string>> },
    work: (run: (scenario: Parameters<typeof play>[1]) => Promise<void>) => Promise<void>,
  ): Promise<void> => {
    const dockerToml = s3CacheToml(server);
    const installation = await openInstallation({ concurrent: 1, dockerToml, ...options });
    await installation.start();
    try {
      await work((scenario) => play(installation, scenario));
    } finally {
      await finish(installation);
    }
  };
  const believes = (): string => `  tls-ca-file = "${authority.certFile}"`;

  it('are saved and restored with the authority of the config', () =>
    withRunner({ runnerToml: believes() }, async (run) => {
      await run(filled(cacheOf('tls')));
      await run(found(cacheOf('tls'), ['Downloading cache from https://', ...FOUND]));
    }));

  it('are saved and restored through the proxy of the environment', async () => {
    const proxy = await startConnectProxy(() => Number(server.address.split(':')[1]));
    try {
      const env = { HTTPS_PROXY: proxy.url };
      await withRunner({ runnerToml: believes(), env }, async (run) => {
        await run(filled(cacheOf('proxied')));
        await run(found(cacheOf('proxied'), FOUND));
      });
      const lines = proxy.requests.map(({ line }) => line);
      assert.ok(lines.length >= 2, lines.join());
      assert.deepEqual([...new Set(lines)], [`CONNECT ${server.address}`]);
    } finally {
      await proxy.close();
    }
  });

  it('cause a warning with the reason when the authority is not known', () =>
    withRunner({}, async (run) => {
      await run({
        ...filled(cacheOf('unknown authority')),
        expected: {
          state: 'success',
          log: [
            'Failed to extract cache',
            /Uploading cache.*/,
            /WARNING: .*certificate/,
            'Failed to create cache',
            'Job succeeded',
          ],
        },
      });
    }));
});
