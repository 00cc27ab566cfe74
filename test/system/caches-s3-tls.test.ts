import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  openCertificateRoom,
  type Authority,
  type CertificateRoom,
} from '../adapters/gitlab/support/certificates.ts';
import { startConnectProxy } from '../adapters/gitlab/support/connect-proxy.ts';
import type { JobSpec } from '../support/fake-gitlab/types.ts';
import { cacheOf, filled, found, FOUND } from '../support/cache-jobs.ts';
import { play } from '../support/faults/sequences.ts';
import {
  bridgeGateway,
  finish,
  openInstallation,
  type Installation,
  type InstallationOptions,
} from '../support/installation.ts';
import type { Scenario } from '../support/scenario.ts';
import { openS3Server, s3CacheToml, s3Skip, type S3Server } from '../support/s3-server.ts';

/** The first job of a cache whose server has a certificate of an unknown authority. */
const FILLED_WITH_WARNING: Omit<Scenario, 'title'> = {
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
};

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

  const open = (options: InstallationOptions): Promise<Installation> =>
    openInstallation({ concurrent: 1, dockerToml: s3CacheToml(server), ...options });
  const believes = (): string => `  tls-ca-file = "${authority.certFile}"`;

  it('are saved and restored with the authority of the config, and else cause a warning with the reason', async () => {
    const runnerTomls = [believes(), ''];
    const installation = await open({ runnerTomls, dockerTomls: ['', ''] });
    const [knowing, unknowing] = installation.tokens.map((runnerToken) => ({
      addJob: (job: JobSpec) => installation.gitlab.addJob({ runnerToken, ...job }),
    }));
    try {
      await installation.start();
      await play(installation, filled(cacheOf('tls')), knowing);
      const downloaded = ['Downloading cache from https://', ...FOUND];
      await play(installation, found(cacheOf('tls'), downloaded), knowing);
      await play(installation, FILLED_WITH_WARNING, unknowing);
    } finally {
      await finish(installation);
    }
  });

  it('are saved and restored through the proxy of the environment', async () => {
    const proxy = await startConnectProxy(() => Number(server.address.split(':')[1]));
    try {
      const env = { HTTPS_PROXY: proxy.url };
      const installation = await open({ runnerToml: believes(), env });
      try {
        await installation.start();
        await play(installation, filled(cacheOf('proxied')));
        await play(installation, found(cacheOf('proxied'), FOUND));
      } finally {
        await finish(installation);
      }
      const lines = proxy.requests.map(({ line }) => line);
      assert.ok(lines.length >= 2, lines.join());
      assert.deepEqual([...new Set(lines)], [`CONNECT ${server.address}`]);
    } finally {
      await proxy.close();
    }
  });
});
