import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent as HttpAgent, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import tlsModule, { type ConnectionOptions } from 'node:tls';
import Dockerode from 'dockerode';
import {
  dockerodeOptions,
  resolveDaemonAddress,
  type DaemonConfig,
  type Environment,
} from '../../../src/adapters/docker/daemon-address.ts';
import { chooseVersion } from '../../../src/adapters/docker/daemon.ts';
import { FailureType } from '../../../src/domain/failure.ts';

const none: DaemonConfig = { host: undefined, tlsCertPath: undefined, tlsVerify: false };
const tls = (certPath: string, isVerified: boolean): object => ({ certPath, isVerified });

const cases: readonly {
  readonly config?: Partial<DaemonConfig>;
  readonly env?: Environment;
  readonly expected: object;
  readonly why: string;
}[] = [
  { expected: { label: 'unix:///var/run/docker.sock' }, why: 'the usual socket' },
  {
    env: { DOCKER_HOST: 'unix:///run/user/1/docker.sock' },
    expected: { kind: 'unix', socketPath: '/run/user/1/docker.sock' },
    why: "the environment's host, such as a rootless one",
  },
  {
    config: { host: 'unix:///a.sock' },
    env: { DOCKER_HOST: 'tcp://b:1' },
    expected: { socketPath: '/a.sock' },
    why: 'the config goes before the environment',
  },
  {
    config: { host: '' },
    expected: { label: 'unix:///var/run/docker.sock' },
    why: 'empty is unset',
  },
  {
    config: { host: 'tcp://d.example' },
    expected: { label: 'tcp://d.example:2375', port: 2375, tls: undefined },
    why: 'the plain port unless given',
  },
  {
    config: { host: 'd.example:99' },
    expected: { host: 'd.example', port: 99 },
    why: 'tcp unless given',
  },
  { config: { host: 'tcp://[::1]:99' }, expected: { host: '[::1]', port: 99 }, why: 'IPv6' },
  {
    config: { host: 'tcp://d.example', tlsCertPath: '/certs' },
    expected: { port: 2376, tls: tls('/certs', false) },
    why: 'certificates without verification, as gitlab-runner',
  },
  {
    config: { host: 'tcp://d.example:1', tlsCertPath: '/certs', tlsVerify: true },
    env: { DOCKER_CERT_PATH: '/other' },
    expected: { port: 1, tls: tls('/certs', true) },
    why: "the config's certificates go first",
  },
  {
    env: { DOCKER_HOST: 'tcp://d:2', DOCKER_CERT_PATH: '/certs', DOCKER_TLS_VERIFY: '1' },
    expected: { tls: tls('/certs', true) },
    why: 'what docker-in-docker jobs set',
  },
  {
    env: { DOCKER_HOST: 'tcp://d:2', DOCKER_CERT_PATH: '/certs' },
    expected: { tls: undefined },
    why: 'DOCKER_CERT_PATH alone asks for nothing',
  },
  {
    config: { host: 'tcp://user:s3cret@d.example:1' },
    expected: { label: 'tcp://d.example:1' },
    why: 'the label is safe to show',
  },
];
for (const { config, env, expected, why } of cases) {
  void test(`${JSON.stringify(config ?? {})} with ${JSON.stringify(env ?? {})}: ${why}`, () => {
    const address: object = resolveDaemonAddress({ ...none, ...config }, env ?? {});
    assert.deepEqual({ ...address, ...expected }, address);
  });
}

const refused = [
  ['ssh://user:s3cret@d.example', 'no ssh yet'],
  ['npipe:////./pipe/docker_engine', 'no Windows'],
  ['fd://', 'a listener, not a host'],
  ['tcp://', 'no host'],
] as const;
for (const [host, why] of refused) {
  void test(`${host} is refused: ${why}`, () => {
    assert.throws(
      () => resolveDaemonAddress({ ...none, host }, {}),
      (error: Error & { type?: string }) =>
        error.type === FailureType.InvalidConfig && !error.message.includes('s3cret'),
    );
  });
}

void test('TLS without certificates is refused', () => {
  const config = { ...none, host: 'tcp://d.example', tlsVerify: true };
  assert.throws(() => resolveDaemonAddress(config, {}), { type: FailureType.InvalidConfig });
});

void test('certificates are read from their directory, and a missing one is named', async (t) => {
  const certPath = await mkdtemp(join(tmpdir(), 'tgr-test-'));
  t.after(() => rm(certPath, { recursive: true }));
  const config = { host: 'tcp://d.example', tlsCertPath: certPath, tlsVerify: true };
  const address = resolveDaemonAddress(config, {});
  for (const name of ['ca', 'cert']) await writeFile(join(certPath, `${name}.pem`), name);
  assert.throws(() => dockerodeOptions(address), { message: /key\.pem/ });
  await writeFile(join(certPath, 'key.pem'), 'key');
  const { agent, protocol } = dockerodeOptions(address);
  assert.equal(protocol, 'https');
  assert.ok(agent instanceof HttpsAgent);
  const { ca, cert, key, rejectUnauthorized } = agent.options;
  assert.deepEqual([ca, cert, key].map(String), ['ca', 'cert', 'key']);
  assert.equal(rejectUnauthorized, true);
});

void test('each connection has the certificates of its moment, or else the last ones', async (t) => {
  const certPath = await mkdtemp(join(tmpdir(), 'tgr-test-'));
  t.after(() => rm(certPath, { recursive: true }));
  const names = ['ca', 'cert', 'key'];
  const put = (text: string) =>
    Promise.all(names.map((name) => writeFile(join(certPath, `${name}.pem`), `${name} ${text}`)));
  const seen: unknown[] = [];
  t.mock.method(tlsModule, 'connect', ({ ca, cert, key }: ConnectionOptions) => {
    seen.push([ca, cert, key].map(String));
    return new PassThrough();
  });
  await put('one');
  const config = { host: 'tcp://d.example', tlsCertPath: certPath, tlsVerify: true };
  const { agent } = dockerodeOptions(resolveDaemonAddress(config, {}));
  assert.ok(agent instanceof HttpsAgent);
  const connect = () => agent.createConnection({ host: 'd.example', port: 2376 });
  connect();
  await put('two');
  connect();
  await rm(join(certPath, 'key.pem'));
  connect();
  const two = ['ca two', 'cert two', 'key two'];
  assert.deepEqual(seen, [['ca one', 'cert one', 'key one'], two, two]);
});

const reached = [
  ['tcp://d.example:99', 'd.example', 99],
  ['tcp://192.0.2.1', '192.0.2.1', 2375],
  ['tcp://[::1]:99', '::1', 99],
  ['tcp://[2001:db8::1]', '2001:db8::1', 2375],
] as const;
for (const [host, expectedHost, expectedPort] of reached) {
  void test(`requests for ${host} go to ${expectedHost}, port ${expectedPort}`, async () => {
    const seen: ClientRequestArgs[] = [];
    const agent = new HttpAgent({ keepAlive: false });
    agent.createConnection = (to) => {
      seen.push(to);
      throw new Error('enough seen');
    };
    const options = dockerodeOptions(resolveDaemonAddress({ ...none, host }, {}));
    const docker = new Dockerode({ ...options, agent } as Dockerode.DockerOptions);
    await assert.rejects(docker.ping(), /enough seen/);
    assert.deepEqual(
      seen.map(({ host: name, port }) => [name, Number(port)]),
      [[expectedHost, expectedPort]],
    );
  });
}

const versions = [
  ['1.41', '1.12', '1.41', 'an older daemon'],
  ['1.50', '1.24', '1.47', 'a newer daemon'],
  ['1.60', '1.50', '1.50', 'a daemon too new for us: its oldest'],
  ['1.9', '1.1', '1.9', '9 is less than 47'],
] as const;
for (const [ApiVersion, MinAPIVersion, expected, why] of versions) {
  void test(`a daemon with API ${MinAPIVersion} to ${ApiVersion} gets requests of ${expected}: ${why}`, () => {
    assert.equal(chooseVersion({ ApiVersion, MinAPIVersion }), expected);
  });
}
