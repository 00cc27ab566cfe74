import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { connect, createServer as createNetServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ContainerEngine } from '../../../src/activities/ports.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import { containerSpec, created, openEngine, silentLog } from './support.ts';

const never = new AbortController().signal;

/** An engine for a daemon that answers as told. The version it is asked for first is always given. */
async function engineFor(t: TestContext, listener: RequestListener): Promise<ContainerEngine> {
  const path = await socketPath(t);
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/version') === true) {
      response.end(JSON.stringify({ Version: 'x', ApiVersion: '1.44', MinAPIVersion: '1.24' }));
    } else listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return engineAt(path);
}

async function socketPath(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'docker.sock');
}

function engineAt(path: string): ContainerEngine {
  const timing = { callLimitMs: 200, slowCallLimitMs: 200, pullIdleMs: 200 };
  return openEngine({
    docker: { host: `unix://${path}`, tlsCertPath: undefined, tlsVerify: false },
    timing,
  });
}

const faults: readonly {
  readonly title: string;
  readonly listener: RequestListener;
  readonly message: RegExp;
  readonly why: string;
}[] = [
  {
    title: 'never answers',
    listener: () => undefined,
    message: /did not answer within 0\.2 s/,
    why: 'a frozen daemon must not freeze a build',
  },
  {
    title: 'stops amid its answer',
    listener: (_, response) => void response.write('{"Id":'),
    message: /did not answer within 0\.2 s/,
    why: 'the limit covers the body as well',
  },
  {
    title: 'breaks off amid its answer',
    listener: (_, response) => {
      response.write('{"Id":');
      setImmediate(() => response.destroy());
    },
    message: /connection was lost: Docker may be restarting/,
    why: 'a restart cuts answers short',
  },
  {
    title: 'breaks off before its answer',
    listener: (request) => request.socket.destroy(),
    message: /connection was lost/,
    why: 'a restart cuts requests short',
  },
  {
    title: 'answers 500',
    listener: (_, response) => response.writeHead(500).end('{"message":"no space left on device"}'),
    message: /answered 500: no space left on device/,
    why: 'whoever reads the message can free the disk',
  },
  {
    title: 'sends elsewhere',
    listener: (_, response) => response.writeHead(301, { location: '/elsewhere' }).end(),
    message: /redirect/i,
    why: 'the transport would follow it, to a crash of the process',
  },
];
for (const { title, listener, message, why } of faults) {
  void test(`a daemon that ${title} is a fault that passes: ${why}`, async (t) => {
    const engine = await engineFor(t, listener);
    await assert.rejects(engine.inspectContainer('x'), (error: Error) => {
      assert.equal(error.name, 'TransientError');
      assert.match(error.message, /^cannot inspect container "x": .*unix:\/\/.*docker\.sock/);
      assert.match(error.message, message);
      return true;
    });
    await assert.rejects(engine.createContainer(containerSpec()), { name: 'TransientError' });
    await assert.rejects(engine.readLogs('x', { sinceMs: 0, maxBytes: 9 }), {
      name: 'TransientError',
    });
  });
}

void test('a socket that does not exist is a fault that passes, and says what to do', async (t) => {
  const path = await socketPath(t);
  await assert.rejects(engineAt(path).info(), (error: Error) => {
    assert.equal(error.name, 'TransientError');
    assert.ok(error.message.includes(`unix://${path}`), error.message);
    assert.match(error.message, /start Docker, or set host/);
    return true;
  });
});

void test('a daemon that cannot be reached fails no pull for good', async (t) => {
  const path = await socketPath(t);
  await assert.rejects(engineAt(path).pullImage('alpine', {}), { name: 'TransientError' });
});

void test('a slow pull goes on as long as it makes progress', async (t) => {
  const engine = await engineFor(t, (request, response) => {
    if (request.method === 'GET') {
      response.end('{"Id":"sha256:1"}');
      return;
    }
    let lines = 0;
    const timer = setInterval(() => {
      response.write('{"status":"Downloading"}\n');
      lines += 1;
      if (lines < 8) return;
      clearInterval(timer);
      response.end();
    }, 50);
  });
  assert.equal((await engine.pullImage('x', {})).id, 'sha256:1');
});

void test('a pull cut off amid its progress is no success', async (t) => {
  const engine = await engineFor(t, (_, response) => {
    response.write('{"status":"Downloading"}\n');
    setImmediate(() => response.destroy());
  });
  await assert.rejects(engine.pullImage('x', {}), { name: 'TransientError' });
});

void test('an answer in a shape that nobody knows is a fault for good', async (t) => {
  const engine = await engineFor(t, (_, response) => response.end('{"surprise":true}'));
  await assert.rejects(engine.inspectContainer('x'), { type: FailureType.RunnerSystem });
});

void test('a request to create keeps variables out of its URL', async (t) => {
  const urls: string[] = [];
  const engine = await engineFor(t, (request, response) => {
    urls.push(request.url ?? '');
    request.resume();
    response.writeHead(201).end('{"Id":"abc"}');
  });
  const spec = containerSpec({ name: 'named', environment: ['TOKEN=s3cret'] });
  assert.equal(await engine.createContainer(spec), 'abc');
  assert.deepEqual(urls, ['/v1.44/containers/create?name=named']);
});

void test('the version is asked for anew after a fault', async (t) => {
  const path = await socketPath(t);
  const engine = engineAt(path);
  await assert.rejects(engine.inspectContainer('x'), { name: 'TransientError' });
  const urls: string[] = [];
  const server = createServer((request, response) => {
    urls.push(request.url ?? '');
    const isVersion = request.url?.startsWith('/version') === true;
    if (!isVersion) response.statusCode = 404;
    response.end(JSON.stringify({ Version: '1', ApiVersion: '1.41', MinAPIVersion: '1.12' }));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  assert.equal(await engine.inspectContainer('x'), undefined);
  assert.deepEqual(urls, ['/version?', '/v1.41/containers/x/json?']);
});

void test('a wait survives connections cut and a daemon that is away', async (t) => {
  const direct = openEngine();
  const path = await socketPath(t);
  const relay = await openRelay(path);
  t.after(relay.close);
  let lost = (): void => undefined;
  const whenLost = new Promise<void>((resolve) => {
    lost = resolve;
  });
  const engine = openEngine({
    docker: { host: `unix://${path}`, tlsCertPath: undefined, tlsVerify: false },
    log: { ...silentLog, warn: lost },
    timing: { reconnectDelayMs: () => 5 },
  });
  const id = await created(t, direct, { command: ['sh', '-c', 'sleep 60'] });
  await direct.startContainer(id);
  const waiting = relay.whenAsked('/wait');
  const exit = engine.waitForExit(id, never);
  await waiting;
  relay.close();
  await whenLost;
  await direct.stopContainer(id, 'kill');
  const back = await openRelay(path);
  t.after(back.close);
  assert.equal((await exit).exitCode, 137);
});

void test('a wait looks again when its turn is over: a half-open connection never tells', async (t) => {
  let inspections = 0;
  let isExited = false;
  const path = await socketPath(t);
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    if (url.startsWith('/version')) {
      response.end('{"Version":"x","ApiVersion":"1.44"}');
    } else if (url.includes('/json')) {
      inspections += 1;
      response.end(JSON.stringify(inspection(isExited ? 'exited' : 'running')));
    } else {
      // The head only, as Docker does; then silence.
      response.flushHeaders();
      isExited = true;
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const engine = openEngine({
    docker: { host: `unix://${path}`, tlsCertPath: undefined, tlsVerify: false },
    timing: { waitTurnMs: 50, reconnectDelayMs: () => 1 },
  });
  assert.equal((await engine.waitForExit('x', never)).state, 'exited');
  assert.equal(inspections, 2);
});

function inspection(state: string): object {
  return {
    Id: 'x',
    State: { Status: state, ExitCode: 0, StartedAt: '', FinishedAt: '' },
    Config: { Labels: null },
  };
}

interface Relay {
  readonly whenAsked: (text: string) => Promise<void>;
  readonly close: () => void;
}

/** Hands everything on to the real daemon. Closing cuts all connections and takes the socket away. */
async function openRelay(path: string): Promise<Relay> {
  const sockets = new Set<Socket>();
  const asked: { readonly text: string; readonly resolve: () => void }[] = [];
  const server: Server = createNetServer((near) => {
    const far = connect(process.env.DOCKER_HOST?.replace('unix://', '') ?? '/var/run/docker.sock');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    near.on('data', (chunk) => {
      for (const { text, resolve } of asked) if (chunk.includes(text)) resolve();
    });
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    whenAsked: (text) => new Promise((resolve) => asked.push({ text, resolve })),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
