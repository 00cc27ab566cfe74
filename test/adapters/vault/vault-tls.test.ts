import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readSystemRoots } from '../../../src/adapters/http/system-roots.ts';
import { createVaultStore } from '../../../src/adapters/vault/vault.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import { recordingLog } from '../../support/recording-log.ts';
import {
  openCertificateRoom,
  type Authority,
  type CertificateRoom,
  type Issued,
} from '../gitlab/support/certificates.ts';
import { json, startServer, type ScriptedServer } from '../gitlab/support/server.ts';

type Environment = Readonly<Record<string, string>>;

describe('a Vault with a certificate of a private authority', () => {
  let room: CertificateRoom;
  let root: Authority;
  let client: Issued;
  let server: ScriptedServer;
  let strict: ScriptedServer;
  before(async () => {
    room = await openCertificateRoom();
    root = await room.authority('root');
    const leaf = await root.issue('leaf', ['IP:127.0.0.1']);
    client = await root.issue('client', ['DNS:runner.test']);
    const identity = { cert: leaf.certPem, key: leaf.keyPem };
    server = await startServer(identity);
    strict = await startServer({
      ...identity,
      ...{ ca: root.certPem, requestCert: true, rejectUnauthorized: true },
    });
    for (const each of [server, strict]) {
      each.answer(json(200, { auth: { client_token: 't' }, data: { password: 'its value' } }));
    }
  });
  after(async () => {
    await server.close();
    await strict.close();
    await room.close();
  });

  function read(
    { url }: ScriptedServer,
    env: Environment = {},
    trustedFiles: readonly string[] = [],
  ): Promise<string | undefined> {
    const { log } = recordingLog();
    const roots = (files: readonly string[]) => readSystemRoots(env, files);
    const { signal } = new AbortController();
    return createVaultStore({ env, log, roots }).readSecret(
      {
        ...{ url, namespace: '', path: 'ci/db', field: 'password' },
        auth: { method: 'jwt', path: 'jwt', data: { jwt: 'j', role: 'builder' } },
        engine: { name: 'generic', path: 'secret' },
      },
      { signal, trustedFiles },
    );
  }

  it('is not trusted without settings', async () => {
    await assert.rejects(read(server), /no answer from the Vault at .*: .*certificate/);
  });

  it('is trusted with the authority that VAULT_CACERT names', async () => {
    assert.equal(await read(server, { VAULT_CACERT: root.certFile }), 'its value');
  });

  it('is trusted with the authority that BAO_CACERT names, which overrides VAULT_CACERT', async () => {
    const env = { BAO_CACERT: root.certFile, VAULT_CACERT: '/nonexistent' };
    assert.equal(await read(server, env), 'its value');
  });

  it('is trusted with the authorities of the entry', async () => {
    assert.equal(await read(server, {}, [root.certFile]), 'its value');
  });

  it('gets the client certificate that the variables name', async () => {
    const env = { VAULT_CACERT: root.certFile };
    await assert.rejects(read(strict, env), /no answer from the Vault/);
    const identity = { VAULT_CLIENT_CERT: client.certFile, BAO_CLIENT_KEY: client.keyFile };
    assert.equal(await read(strict, { ...env, ...identity }), 'its value');
  });

  it('is not asked when a file cannot be used, and the fault names variable and file', async () => {
    const empty = join(room.directory, 'empty.pem');
    await writeFile(empty, 'nothing');
    const cases: [env: Environment, fault: RegExp][] = [
      [{ VAULT_CACERT: '/nonexistent' }, /VAULT_CACERT: \/nonexistent cannot be read \(ENOENT\)/],
      [{ BAO_CACERT: room.directory }, /BAO_CACERT: .* cannot be read \(EISDIR\)/],
      [{ VAULT_CACERT: empty }, /VAULT_CACERT: .*empty\.pem holds no readable certificate/],
      [{ VAULT_CLIENT_CERT: client.certFile }, /VAULT_CLIENT_CERT is set without VAULT_CLIENT_KEY/],
      [{ BAO_CLIENT_KEY: client.keyFile }, /BAO_CLIENT_KEY is set without VAULT_CLIENT_CERT/],
      [
        { VAULT_CLIENT_CERT: client.certFile, VAULT_CLIENT_KEY: root.keyFile },
        /VAULT_CLIENT_CERT and VAULT_CLIENT_KEY: .*client\.pem and .*root\.key: .*mismatch/i,
      ],
    ];
    const before = server.requests.length;
    for (const [env, fault] of cases) {
      await assert.rejects(read(server, env), (error: Error) => {
        assert.match(error.message, fault);
        assert.equal((error as { type?: unknown }).type, FailureType.RunnerSystem);
        return true;
      });
    }
    assert.equal(server.requests.length, before);
  });
});

describe('variables for Vault without effect', () => {
  const warnedOf = (env: Environment): readonly unknown[] => {
    const { log, warnings } = recordingLog();
    createVaultStore({ env, log, roots: () => Promise.resolve([]) });
    return warnings.map(({ fields }) => fields['variables']);
  };

  it('are named in one warning at the start', () => {
    const env = { VAULT_SKIP_VERIFY: 'true', BAO_CAPATH: '/certs', VAULT_CACERT: '/ca.pem' };
    assert.deepEqual(warnedOf(env), [['BAO_CAPATH', 'VAULT_SKIP_VERIFY']]);
  });

  it('are not mentioned when none is set', () => {
    assert.deepEqual(warnedOf({ VAULT_CACERT: '/ca.pem', VAULT_CAPATH: '' }), []);
  });
});
