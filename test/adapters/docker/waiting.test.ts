import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import type { LogFields } from '../../../src/ports/index.ts';
import { engineFor, inspection, socketPath } from './fake-daemon.ts';
import { created, openEngine, silentLog } from './support.ts';

const never = new AbortController().signal;

/** Returns the kind of a request: `inspect`, `wait`, `exec`, `start`, `stop` or `kill`. */
function kindOf(url = ''): string {
  const path = url.split('?', 1)[0] ?? '';
  return path.endsWith('/json') ? 'inspect' : (path.split('/').at(-1) ?? '');
}

void test('a wait survives broken connections and a daemon that is away', async (t) => {
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

void test('a wait is repeated after a while, because a half-open connection never ends', async (t) => {
  let inspections = 0;
  let state = 'running';
  const listener: RequestListener = ({ url }, response) => {
    if (kindOf(url) === 'inspect') {
      inspections += 1;
      response.end(inspection(state));
    } else {
      // Like Docker, this sends only the head, and then nothing.
      response.flushHeaders();
      state = 'exited';
    }
  };
  const engine = await engineFor(t, listener, {
    timing: { waitCallMs: 50, reconnectDelayMs: () => 1 },
  });
  assert.equal((await engine.waitForExit('x', never)).state, 'exited');
  assert.equal(inspections, 2);
});

void test('a wait that Docker answers at once for a running container does not become a busy loop', async (t) => {
  const delays: number[] = [];
  let waits = 0;
  const listener: RequestListener = ({ url }, response) => {
    if (kindOf(url) === 'wait') waits += 1;
    response.end(
      kindOf(url) === 'wait' ? '{"StatusCode":0}' : inspection(waits < 4 ? 'running' : 'exited'),
    );
  };
  const reconnectDelayMs = (failures: number): number => {
    delays.push(failures);
    return 1;
  };
  const engine = await engineFor(t, listener, { timing: { reconnectDelayMs } });
  await engine.waitForExit('x', never);
  assert.deepEqual(delays, [0, 1, 2], 'each pause is longer than the one before');
});

void test('a wait for a process that ends soon adds no pause', async (t) => {
  let state = 'running';
  const listener: RequestListener = ({ url }, response) => {
    if (kindOf(url) === 'wait') state = 'exited';
    response.end(kindOf(url) === 'wait' ? '{"StatusCode":0}' : inspection(state));
  };
  const delays: number[] = [];
  const reconnectDelayMs = (failures: number): number => {
    delays.push(failures);
    return 1;
  };
  const engine = await engineFor(t, listener, { timing: { reconnectDelayMs } });
  assert.equal((await engine.waitForExit('x', never)).state, 'exited');
  assert.deepEqual(delays, []);
});

const troubles: readonly [name: string, trouble: RequestListener, why: string][] = [
  ['answers 500', (_, response) => response.writeHead(500).end('{}'), 'it is starting'],
  ['hangs', () => undefined, 'each call has a limit'],
  ['hangs up', ({ socket }) => socket.destroy(), 'it is being restarted'],
  ['is full of another program', (_, response) => response.writeHead(503).end('x'), 'a proxy'],
];
for (const [name, trouble, why] of troubles) {
  void test(`a wait continues with a daemon that ${name}, and reports the exit: ${why}`, async (t) => {
    let left = 3;
    const listener: RequestListener = (request, response) => {
      left -= 1;
      if (left >= 0) trouble(request, response);
      else response.end(inspection('exited', 255));
    };
    const engine = await engineFor(t, listener, { timing: { reconnectDelayMs: () => 1 } });
    // Docker reports 255 for a container that ended while Docker was away. This code does not
    // interpret it.
    const { state, exitCode } = await engine.waitForExit('x', never);
    assert.deepEqual({ state, exitCode }, { state: 'exited', exitCode: 255 });
  });
}

void test('a wait for a daemon that hangs ends with its signal', async (t) => {
  const engine = await engineFor(t, () => undefined, { timing: { callLimitMs: 60_000 } });
  const leaving = new AbortController();
  const wait = engine.waitForExit('x', leaving.signal);
  setImmediate(() => leaving.abort(new Error('no longer wanted')));
  await assert.rejects(wait, { message: 'no longer wanted' });
});

for (const state of ['exited', 'dead', 'created', 'removing'] as const) {
  void test(`a container that is ${state} does not run, so the wait ends at once`, async (t) => {
    const asked: string[] = [];
    const engine = await engineFor(t, ({ url }, response) => {
      asked.push(kindOf(url));
      response.end(inspection(state, 3));
    });
    assert.equal((await engine.waitForExit('x', never)).exitCode, 3);
    assert.deepEqual(asked, ['inspect']);
  });
}

void test('a kill is repeated until Docker says that the container does not run', async (t) => {
  let kills = 0;
  const listener: RequestListener = ({ url }, response) => {
    if (kindOf(url) === 'kill') kills += 1;
    if (kindOf(url) === 'inspect') response.end(inspection(kills < 3 ? 'running' : 'exited'));
    else if (kindOf(url) === 'kill') response.writeHead(204).end();
    else response.flushHeaders();
  };
  const engine = await engineFor(t, listener, { timing: { stopGraceMs: 30 } });
  await engine.stopContainer('x', 'kill');
  assert.equal(kills, 3);
});

void test('a container that does not die is a transient fault, and never a successful stop', async (t) => {
  const listener: RequestListener = ({ url }, response) => {
    if (kindOf(url) === 'inspect') response.end(inspection('running'));
    else if (kindOf(url) === 'kill') response.writeHead(204).end();
    else response.flushHeaders();
  };
  const engine = await engineFor(t, listener, { timing: { stopGraceMs: 10 } });
  await assert.rejects(engine.stopContainer('x', 'kill'), {
    name: 'TransientError',
    message: /container "x" still runs after 5 requests to stop it/,
  });
});

void test('a graceful stop gives a job’s shell no rights, and limits its time and memory', async (t) => {
  const said: (LogFields | undefined)[] = [];
  let order = '';
  let isStopped = false;
  const flood = Buffer.alloc(1024 * 1024, 'x');
  const listener: RequestListener = (request, response) => {
    switch (kindOf(request.url)) {
      case 'inspect':
        response.end(inspection(isStopped ? 'exited' : 'running', 137));
        return;
      case 'exec':
        request.on('data', (chunk: Buffer) => (order += chunk.toString()));
        response.writeHead(201).end('{"Id":"e"}');
        return;
      case 'start': {
        const pour = (): void => {
          while (!response.destroyed && response.write(flood));
          if (!response.destroyed) response.once('drain', pour);
        };
        pour();
        return;
      }
      default:
        isStopped = true;
        response.writeHead(204).end();
    }
  };
  const log = { ...silentLog, debug: (_: string, fields?: LogFields) => said.push(fields) };
  const engine = await engineFor(t, listener, { log, timing: { stopGraceMs: 10 } });
  const beforeBytes = process.memoryUsage().rss;
  await engine.stopContainer('x', 'graceful');
  const grownBytes = process.memoryUsage().rss - beforeBytes;
  assert.ok(isStopped, 'the stop itself is asked for, whatever the shell does');
  assert.ok(grownBytes < 400 * 1024 * 1024, `${grownBytes} bytes more in memory`);
  assert.equal('User' in (JSON.parse(order) as object), false, "as the container's own user");
  assert.doesNotMatch(JSON.stringify(said), /xxx/);
});

void test('a graceful stop in an image without a shell becomes a plain stop', async (t) => {
  const asked: string[] = [];
  let isStopped = false;
  const engine = await engineFor(t, ({ url }, response) => {
    asked.push(kindOf(url));
    if (kindOf(url) === 'exec') response.writeHead(409).end('{"message":"no"}');
    else if (kindOf(url) === 'inspect') response.end(inspection(isStopped ? 'exited' : 'running'));
    else {
      isStopped = true;
      response.writeHead(204).end();
    }
  });
  await engine.stopContainer('x', 'graceful');
  assert.deepEqual(asked, ['inspect', 'exec', 'stop', 'inspect']);
});

interface Relay {
  readonly whenAsked: (text: string) => Promise<void>;
  readonly close: () => void;
}

/**
 * Forwards everything to the real daemon. Closing it closes all connections and removes the socket.
 */
async function openRelay(path: string): Promise<Relay> {
  const sockets = new Set<Socket>();
  const asked: { readonly text: string; readonly resolve: () => void }[] = [];
  const server: Server = createServer((near) => {
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

void test('the log of a container that somebody has removed is a fault of its own type', async (t) => {
  const engine = await engineFor(t, (_, response) => response.writeHead(404).end('{}'));
  await assert.rejects(engine.readLogs('x', { maxBytes: 1 }), /container "x" is gone/);
});
