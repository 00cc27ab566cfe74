import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { test, type TestContext } from 'node:test';
import { engineAt, PATIENT, socketPath } from './fake-daemon.ts';

interface Daemon {
  /** Paths of the calls so far, without versions. */
  readonly asked: string[];
  server: string;
  apiVersion: string | undefined;
  pingStatus: number;
  readonly info?: object;
}

const VERSION = { Version: '9', ApiVersion: '1.55', MinAPIVersion: '1.50' };
const INFO = { OSType: 'linux', Architecture: 'x86_64', Name: 'node' };

async function listen(daemon: Daemon, path: string): Promise<Server> {
  const server = createServer((request, response) => {
    const called = (request.url ?? '').replace(/\?.*$/, '');
    daemon.asked.push(called);
    if (called === '/_ping') {
      response.statusCode = daemon.pingStatus;
      response.setHeader('server', daemon.server);
      if (daemon.apiVersion !== undefined) response.setHeader('api-version', daemon.apiVersion);
      response.end('OK');
    } else
      response.end(
        JSON.stringify(called.endsWith('/info') ? { ...INFO, ...daemon.info } : VERSION),
      );
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

async function open(t: TestContext, changes: Partial<Daemon> = {}) {
  const daemon = {
    ...{ asked: [], server: 'Libpod/4.3.1 (linux)', apiVersion: '1.41', pingStatus: 200 },
    ...changes,
  };
  const path = await socketPath(t);
  const server = await listen(daemon, path);
  t.after(() => server.close());
  return { daemon, path, server, engine: engineAt(path, { timing: PATIENT }) };
}

void test('an engine is asked about itself once, and then only whether it answers', async (t) => {
  const { daemon, engine } = await open(t);
  assert.equal((await engine.info()).architecture, 'x86_64');
  assert.deepEqual(daemon.asked.sort(), ['/_ping', '/_ping', '/v1.41/info']);
  daemon.asked.length = 0;
  assert.equal((await engine.info()).architecture, 'x86_64');
  assert.deepEqual(daemon.asked, ['/_ping']);
});

void test('the facts are requested again when the engine has another version', async (t) => {
  const { daemon, engine } = await open(t);
  await engine.info();
  Object.assign(daemon, { server: 'Libpod/5.0.0 (linux)', apiVersion: '1.43' });
  daemon.asked.length = 0;
  await engine.info();
  assert.deepEqual(daemon.asked.sort(), ['/_ping', '/_ping', '/v1.43/info']);
});

void test('the facts are requested again when the engine was away', async (t) => {
  const { daemon, engine, server, path } = await open(t);
  await engine.info();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(engine.info(), { name: 'TransientError' });
  const back = await listen(daemon, path);
  t.after(() => back.close());
  daemon.asked.length = 0;
  await engine.info();
  assert.ok(daemon.asked.includes('/v1.41/info'), daemon.asked.join());
});

void test('an engine with a fault fails, whatever was known about it', async (t) => {
  const { daemon, engine } = await open(t);
  await engine.info();
  daemon.pingStatus = 500;
  await assert.rejects(engine.info(), { name: 'TransientError' });
});

void test('the oldest API version is requested only from an engine that is newer than this program', async (t) => {
  const { daemon, engine } = await open(t, { apiVersion: '1.55' });
  await engine.info();
  assert.deepEqual(daemon.asked.sort(), ['/_ping', '/_ping', '/v1.50/info', '/version']);
});

void test('the version is requested from an engine behind a proxy that blocks pings', async (t) => {
  const { daemon, engine } = await open(t, { apiVersion: undefined, pingStatus: 403 });
  assert.equal((await engine.info()).name, 'node');
  assert.ok(daemon.asked.includes('/version'));
});

const machines: readonly [info: object, sharesPipes: boolean, why: string][] = [
  [{}, true, 'it does not tell its runtime'],
  [{ DefaultRuntime: 'runc', OperatingSystem: 'Debian GNU/Linux 12' }, true, 'usual'],
  [{ DefaultRuntime: 'crun' }, true, 'as with Podman'],
  [{ DefaultRuntime: 'kata-runtime' }, false, 'each container is a virtual machine'],
  [{ DefaultRuntime: 'runsc' }, false, 'gVisor has a kernel of its own'],
  [{ DefaultRuntime: 'runc', OperatingSystem: 'Docker Desktop' }, false, 'all are in one'],
];
for (const [info, sharesPipes, why] of machines) {
  void test(`containers ${sharesPipes ? 'share' : 'do not share'} named pipes: ${why}`, async (t) => {
    const { engine } = await open(t, { info });
    assert.equal((await engine.info()).sharesPipes, sharesPipes);
  });
}

void test('containers share no named pipes after two in a row that did not notice one, until the engine may have changed', async (t) => {
  const { daemon, engine } = await open(t);
  const shares = async (): Promise<boolean> => (await engine.info()).sharesPipes;
  engine.reportPipe(false);
  assert.ok(await shares(), 'one may have been slow');
  engine.reportPipe(true);
  engine.reportPipe(false);
  assert.ok(await shares(), 'not in a row');
  engine.reportPipe(false);
  assert.equal(await shares(), false);
  engine.reportPipe(false);
  assert.equal(await shares(), false);
  Object.assign(daemon, { server: 'Libpod/5.0.0 (linux)' });
  assert.ok(await shares(), 'another engine');
});
