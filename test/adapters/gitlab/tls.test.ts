import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Coordinator, JobReply } from '../../../src/ports/index.ts';
import {
  openCertificateRoom,
  type Authority,
  type CertificateRoom,
  type Issued,
} from './support/certificates.ts';
import { startConnectProxy } from './support/connect-proxy.ts';
import { json, plain, startServer, type ScriptedServer } from './support/server.ts';
import { openCoordinator, recordingLog } from './support/subjects.ts';

async function offerOf(coordinator: Coordinator): Promise<Extract<JobReply, { kind: 'job' }>> {
  const reply = await coordinator.requestJob({ mayWait: false });
  assert.ok(reply.kind === 'job', JSON.stringify(reply));
  return reply;
}

async function failureOf(coordinator: Coordinator): Promise<string> {
  const reply = await coordinator.requestJob({ mayWait: false });
  assert.ok(reply.kind === 'failed', JSON.stringify(reply));
  return reply.message;
}

function namesOf(pem: string | undefined): string[] {
  const blocks = pem?.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block).subject);
}

describe('https with a private CA and client certificates', () => {
  let room: CertificateRoom;
  let root: Authority;
  let leaf: Issued;
  let client: Issued;
  let server: ScriptedServer;
  let strict: ScriptedServer;
  let subjects: string[];

  before(async () => {
    room = await openCertificateRoom();
    root = await room.authority('root');
    const between = await root.delegate('between');
    leaf = await between.issue('leaf', ['IP:127.0.0.1', 'DNS:gitlab.test']);
    client = await root.issue('client', ['DNS:runner.test']);
    const identity = { cert: leaf.certPem + between.certPem, key: leaf.keyPem };
    server = await startServer(identity);
    strict = await startServer({
      ...identity,
      ...{ ca: root.certPem, requestCert: true, rejectUnauthorized: true },
    });
    for (const each of [server, strict]) each.answer(json(201, { id: 1 }));
    subjects = ['CN=leaf', 'CN=between', 'CN=root'];
  });
  after(async () => {
    await server.close();
    await strict.close();
    await room.close();
  });

  it('an unknown CA is refused with advice', async () => {
    const coordinator = openCoordinator(server.url);
    assert.match(await failureOf(coordinator), /UNABLE_TO_GET_ISSUER_CERT_LOCALLY.*tls-ca-file/);
    await coordinator.close();
  });

  it('no environment variable turns the verification off', async (t) => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
    const coordinator = openCoordinator(server.url);
    assert.match(await failureOf(coordinator), /UNABLE_TO_GET_ISSUER_CERT_LOCALLY/);
    await coordinator.close();
  });

  it('tls-ca-file is trusted and passed to the job unchanged', async () => {
    const coordinator = openCoordinator(server.url, { runner: { tlsCaFile: root.certFile } });
    const offer = await offerOf(coordinator);
    assert.equal(offer.tlsCaPem, root.certPem);
    assert.equal(offer.tlsCertPem, undefined);
    await coordinator.close();
  });

  it('without a CA file the job gets the chain that verified the server', async () => {
    const coordinator = openCoordinator(server.url, { env: { SSL_CERT_FILE: root.certFile } });
    for (const why of ['first handshake', 'kept connection']) {
      assert.deepEqual(namesOf((await offerOf(coordinator)).tlsCaPem), subjects, why);
    }
    await coordinator.close();
  });

  it('a certificate for another name is refused although its CA is known', async () => {
    const url = server.url.replace('127.0.0.1', 'localhost');
    const coordinator = openCoordinator(url, { runner: { tlsCaFile: root.certFile } });
    assert.match(await failureOf(coordinator), /ERR_TLS_CERT_ALTNAME_INVALID/);
    await coordinator.close();
  });

  it('TLS 1.1 is refused', async () => {
    const old = await startServer({
      ...{ cert: leaf.certPem, key: leaf.keyPem, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const coordinator = openCoordinator(old.url, { runner: { tlsCaFile: root.certFile } });
    assert.match(await failureOf(coordinator), /protocol version|PROTOCOL/i);
    await coordinator.close();
    await old.close();
  });

  it('a server that asks for a client certificate gets it, and the job does too', async () => {
    const runner = { tlsCaFile: root.certFile, tlsCertFile: client.certFile };
    const without = openCoordinator(strict.url, { runner });
    assert.match(await failureOf(without), /failed: /);
    await without.close();
    const coordinator = openCoordinator(strict.url, {
      runner: { ...runner, tlsKeyFile: client.keyFile },
    });
    const offer = await offerOf(coordinator);
    assert.deepEqual([offer.tlsCertPem, offer.tlsKeyPem], [client.certPem, client.keyPem]);
    assert.equal(strict.requests.length, 1, 'the first never got as far as a request');
    await coordinator.close();
  });

  it('certs/<host>.crt, .auth.crt and .auth.key beside the config are found', async () => {
    const configDir = join(room.directory, 'config');
    const certs = join(configDir, 'certs');
    await mkdir(certs, { recursive: true });
    await copyFile(root.certFile, join(certs, '127.0.0.1.crt'));
    await copyFile(client.certFile, join(certs, '127.0.0.1.auth.crt'));
    await copyFile(client.keyFile, join(certs, '127.0.0.1.auth.key'));
    const coordinator = openCoordinator(strict.url, { configDir });
    const offer = await offerOf(coordinator);
    assert.equal(offer.tlsCaPem, root.certPem);
    assert.equal(offer.tlsKeyPem, client.keyPem);
    await coordinator.close();
  });

  it('certs/ is searched for the host as url has it, then in lower case', async (t) => {
    const proxy = await startConnectProxy(() => strict.port);
    t.after(() => proxy.close());
    const configDir = join(room.directory, 'cases');
    const certs = join(configDir, 'certs');
    await mkdir(certs, { recursive: true });
    const stranger = await room.authority('stranger-of-cases');
    const keep = async (host: string, authority: Issued): Promise<void> => {
      await copyFile(authority.certFile, join(certs, `${host}.crt`));
      await copyFile(client.certFile, join(certs, `${host}.auth.crt`));
      await copyFile(client.keyFile, join(certs, `${host}.auth.key`));
    };
    const caOf = async (url: string): Promise<string | undefined> => {
      const coordinator = openCoordinator(url, { configDir, env: { HTTPS_PROXY: proxy.url } });
      t.after(() => coordinator.close());
      const offer = await offerOf(coordinator);
      assert.equal(offer.tlsKeyPem, client.keyPem);
      return offer.tlsCaPem;
    };
    await keep('gitlab.test', root);
    assert.equal(await caOf('https://GitLab.Test'), root.certPem);
    await keep('gitlab.test', stranger);
    await keep('GitLab.Test', root);
    assert.equal(await caOf('https://GitLab.Test:443/'), root.certPem);
  });

  it('changed files are used for the next request, without a restart', async () => {
    const file = join(room.directory, 'changing.pem');
    const stranger = await room.authority('stranger');
    await copyFile(stranger.certFile, file);
    const coordinator = openCoordinator(server.url, { runner: { tlsCaFile: file } });
    await failureOf(coordinator);
    await copyFile(root.certFile, file);
    await offerOf(coordinator);
    await rm(file);
    assert.match(await failureOf(coordinator), /UNABLE_TO_GET_ISSUER_CERT_LOCALLY/);
    await coordinator.close();
  });

  it('broken files are logged and left out', async () => {
    const broken = join(room.directory, 'broken.pem');
    await writeFile(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const log = recordingLog();
    const coordinator = openCoordinator(server.url, {
      runner: { tlsCaFile: broken, tlsCertFile: client.certFile, tlsKeyFile: leaf.keyFile },
      env: { SSL_CERT_FILE: root.certFile },
      log,
    });
    const offer = await offerOf(coordinator);
    assert.deepEqual(namesOf(offer.tlsCaPem), subjects);
    assert.equal(offer.tlsCertPem, undefined);
    assert.equal(log.lines.length, 2, log.lines.join('\n'));
    assert.match(log.lines[0] ?? '', /error CA file holds no readable certificate.*broken\.pem/);
    assert.match(log.lines[1] ?? '', /error client certificate and key cannot be used/);
    await coordinator.close();
  });

  it('a CA file with a broken certificate beside a good one still works', async () => {
    const mixed = join(room.directory, 'mixed.pem');
    const bad = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    await writeFile(mixed, `# comment\n${bad}${root.certPem}`);
    const coordinator = openCoordinator(server.url, { runner: { tlsCaFile: mixed } });
    await offerOf(coordinator);
    await coordinator.close();
  });

  it('goes through a CONNECT proxy with client certificate, credentials and peer chain', async () => {
    const proxy = await startConnectProxy(() => strict.port);
    const coordinator = openCoordinator('https://gitlab.test', {
      runner: { tlsCertFile: client.certFile, tlsKeyFile: client.keyFile },
      env: {
        SSL_CERT_FILE: root.certFile,
        https_proxy: proxy.url.replace('//', '//user:p%40ss@'),
      },
    });
    assert.deepEqual(namesOf((await offerOf(coordinator)).tlsCaPem), subjects);
    assert.deepEqual(proxy.requests, [
      { line: 'CONNECT gitlab.test:443', authorization: `Basic ${btoa('user:p@ss')}` },
    ]);
    await coordinator.close();
    await proxy.close();
  });

  it('goes through a plain proxy for http, by the absolute URL', async () => {
    const target = await startServer();
    target.answer(plain(204));
    const proxy = await startConnectProxy(() => target.port);
    const coordinator = openCoordinator('http://gitlab.test', { env: { HTTP_PROXY: proxy.url } });
    assert.equal((await coordinator.requestJob({ mayWait: false })).kind, 'no_job');
    const line = 'POST http://gitlab.test/api/v4/jobs/request';
    assert.deepEqual(proxy.requests, [{ line, authorization: undefined }]);
    assert.equal(target.requests[0]?.headers['host'], 'gitlab.test');
    await coordinator.close();
    await proxy.close();
    await target.close();
  });

  it('uses the proxy for https when GitLab redirects there from http', async () => {
    const target = await startServer();
    target.answer(plain(308, { Location: 'https://gitlab.test/api/v4/jobs/request' }));
    const proxies = [
      await startConnectProxy(() => target.port),
      await startConnectProxy(() => strict.port),
    ];
    const coordinator = openCoordinator('http://gitlab.test', {
      runner: { tlsCertFile: client.certFile, tlsKeyFile: client.keyFile },
      env: {
        SSL_CERT_FILE: root.certFile,
        HTTP_PROXY: proxies[0]?.url,
        HTTPS_PROXY: proxies[1]?.url,
      },
    });
    await offerOf(coordinator);
    assert.deepEqual(
      proxies.map(({ requests }) => requests.map(({ line }) => line)),
      [['POST http://gitlab.test/api/v4/jobs/request'], ['CONNECT gitlab.test:443']],
    );
    await coordinator.close();
    for (const proxy of proxies) await proxy.close();
    await target.close();
  });

  it('a proxy that refuses is a transient fault without the proxy’s password', async () => {
    const coordinator = openCoordinator('https://gitlab.test', {
      env: { HTTPS_PROXY: `http://user:canary_password@127.0.0.1:1` },
    });
    const message = await failureOf(coordinator);
    assert.match(message, /ECONNREFUSED/);
    assert.doesNotMatch(message, /canary/);
    await coordinator.close();
  });

  it('one connection serves many calls', async () => {
    const coordinator = openCoordinator(server.url, { runner: { tlsCaFile: root.certFile } });
    const before = server.connections.length;
    for (let call = 0; call < 5; call++) await offerOf(coordinator);
    assert.equal(server.connections.length - before, 1);
    await coordinator.close();
  });
});
