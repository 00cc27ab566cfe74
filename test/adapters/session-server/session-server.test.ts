import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { whenReached } from '../../../src/activities/build/when-reached.ts';
import { makeCertificate } from '../../../src/adapters/session-server/certificate.ts';
import { openSessionServer } from '../../../src/adapters/session-server/session-server.ts';
import { createVisits, type Visits } from '../../../src/adapters/session-server/visits.ts';
import type { TerminalTiming } from '../../../src/adapters/session-server/web-terminal.ts';
import { recordingLog, type Said } from '../../support/recording-log.ts';
import {
  askSessionServer,
  openWorkhorseTerminal,
  refusedTerminal,
  TERMINAL_PROTOCOLS,
  type KnownSession,
} from '../../support/workhorse.ts';
import { createFakeShell, type FakeShell } from './fake-shell.ts';

const ID = 'a1'.repeat(32);
const TOKEN = 'b2'.repeat(32);
const BUILD = 'build/example.com/7';

interface Served {
  readonly session: KnownSession;
  readonly port: number;
  readonly visits: Visits;
  /** Shells in the order of their opening; `undefined` is a container that does not run. */
  readonly shells: (FakeShell | undefined)[];
  readonly opened: FakeShell[];
  /** Whether the container runs. */
  readonly container: { isRunning: boolean };
  readonly said: readonly Said[];
  close(): Promise<void>;
}

const certificate = makeCertificate({ host: '127.0.0.1', nowMs: Date.now(), validMs: 3_600_000 });

async function serve(t: TestContext, timing: Partial<TerminalTiming> = {}): Promise<Served> {
  const visits = createVisits();
  const { log, said } = recordingLog();
  const shells: (FakeShell | undefined)[] = [];
  const opened: FakeShell[] = [];
  const container = { isRunning: true };
  const server = await openSessionServer({
    ...{ listen: { host: '127.0.0.1', port: 0 }, certificate, visits, log },
    timing: { retryMs: 5, closeMs: 200, ...timing },
    find: (id) =>
      Promise.resolve(
        id === ID
          ? {
              ...{ buildId: BUILD, token: TOKEN, fields: { job: 7 } },
              isRunning: () => Promise.resolve(container.isRunning),
              openShell: () => {
                const shell = shells.shift();
                if (shell !== undefined) opened.push(shell);
                return Promise.resolve(shell);
              },
            }
          : undefined,
      ),
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= server.close());
  t.after(close);
  const session = {
    url: `https://127.0.0.1:${server.port}/session/${ID}`,
    authorization: TOKEN,
    certificate: certificate.certificatePem,
  };
  return { session, port: server.port, visits, shells, opened, container, said, close };
}

/**
 * Waits for a visit to begin or end. Returns in any case, so that the next assertion fails when it
 * did not.
 */
function whenVisits(visits: Visits, isConnected: boolean): Promise<void> {
  const isReached = (): boolean => visits.isConnected(BUILD) === isConnected;
  return whenReached(isReached, visits.onChange, AbortSignal.timeout(5_000));
}

for (const protocol of [...TERMINAL_PROTOCOLS, undefined]) {
  void test(`a terminal by ${protocol ?? 'no subprotocol'} carries bytes both ways`, async (t) => {
    const { session, shells, visits } = await serve(t);
    const shell = createFakeShell();
    shells.push(shell);
    const protocols = protocol === undefined ? [] : [protocol];
    const terminal = await openWorkhorseTerminal(session, { protocols });
    assert.equal(terminal.socket.protocol, protocol ?? '');
    assert.ok(visits.isConnected(BUILD));
    shell.say('prompt $ ');
    await terminal.until(/prompt \$ /);
    terminal.type('echo häl\u0000lo\n');
    await shell.whenTyped('echo häl\u0000lo\n');
    shell.say('bye');
    shell.exit(0);
    assert.equal((await terminal.closed).code, 1000);
    assert.match(terminal.shown(), /bye/);
    await whenVisits(visits, false);
    assert.ok(shell.isClosed);
  });
}

void test('GitLab gets the plain subprotocol when both are offered', async (t) => {
  const { session, shells } = await serve(t);
  shells.push(createFakeShell());
  const terminal = await openWorkhorseTerminal(session, {
    protocols: [...TERMINAL_PROTOCOLS].reverse(),
  });
  assert.equal(terminal.socket.protocol, 'terminal.gitlab.com');
});

for (const [title, change, status] of [
  ['another token', { authorization: 'c3'.repeat(32) }, 401],
  ['no token', { authorization: '' }, 401],
  ['a token with a scheme', { authorization: `Bearer ${TOKEN}` }, 401],
  ['a longer token', { authorization: `${TOKEN}0` }, 401],
  ['the session in its place', { authorization: ID }, 401],
  ['an unknown session', { url: `/session/${'d4'.repeat(32)}` }, 404],
  ['a shorter id', { url: `/session/${ID.slice(2)}` }, 404],
  ['a path below', { url: `/session/${ID}/exec` }, 404],
  ['no session', { url: '' }, 404],
  ['a path that climbs', { url: `/session/../session/${ID}x` }, 404],
] as const) {
  void test(`${title} is answered ${status} without details`, async (t) => {
    const { session, opened, shells, port } = await serve(t);
    shells.push(createFakeShell());
    const url = 'url' in change ? `https://127.0.0.1:${port}${change.url}` : session.url;
    const refused = await refusedTerminal({ ...session, ...change, url });
    assert.equal(refused.status, status);
    assert.doesNotMatch(refused.body, /[0-9a-f]{16}|session|token|build/i);
    assert.equal(opened.length, 0, 'no shell was opened');
  });
}

void test('a request without an upgrade gets its status, whatever its method', async (t) => {
  const { session } = await serve(t);
  const path = `/session/${ID}/exec`;
  const statusOf = async (options: Parameters<typeof askSessionServer>[1]): Promise<number> =>
    (await askSessionServer(session, options)).status;
  assert.equal(await statusOf({ path, token: TOKEN }), 405);
  assert.equal(await statusOf({ path, token: TOKEN, method: 'POST' }), 405);
  assert.equal(await statusOf({ path }), 401);
  assert.equal(await statusOf({ path: `/session/${ID}/proxy/web/80/x`, token: TOKEN }), 404);
  assert.equal(await statusOf({ path: `/session/${ID}/proxy/web/80/x` }), 401);
  assert.equal(await statusOf({ path: `/session/${ID}/`, token: TOKEN }), 404);
  assert.equal(await statusOf({ path: '/' }), 404);
  assert.equal(await statusOf({ path: '/metrics' }), 404);
});

void test('a terminal waits for its container, and gives up when that does not start', async (t) => {
  const { session, shells } = await serve(t, { openMs: 300 });
  const shell = createFakeShell();
  shells.push(undefined, undefined, shell);
  const terminal = await openWorkhorseTerminal(session);
  shell.say('here');
  await terminal.until(/here/);
  shell.exit(0);
  await terminal.closed;
  assert.equal((await refusedTerminal(session)).status, 503);
});

void test('one person at a time: the next one is answered 423, until the first has gone', async (t) => {
  const { session, shells, visits } = await serve(t);
  const first = createFakeShell();
  const second = createFakeShell();
  shells.push(first, second);
  const terminal = await openWorkhorseTerminal(session);
  assert.equal((await refusedTerminal(session)).status, 423);
  terminal.socket.close();
  await whenVisits(visits, false);
  assert.ok(first.isClosed, 'no shell is left behind');
  const again = await openWorkhorseTerminal(session);
  second.say('again');
  await again.until(/again/);
});

void test('a client that leaves while the container is waited for frees its terminal', async (t) => {
  const { session, visits, port } = await serve(t);
  const socket = connect({ port, host: '127.0.0.1', ca: session.certificate });
  await once(socket, 'secureConnect');
  socket.write(`GET /session/${ID}/exec HTTP/1.1\r\nHost: x\r\nAuthorization: ${TOKEN}\r\n`);
  socket.write('Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await whenVisits(visits, true);
  socket.destroy();
  await whenVisits(visits, false);
  assert.equal(visits.isConnected(BUILD), false);
});

void test('a stage that ends does not end the terminal: the next shell opens in it', async (t) => {
  const { session, shells, visits } = await serve(t);
  const first = createFakeShell();
  const second = createFakeShell();
  shells.push(first, undefined, undefined, second);
  const terminal = await openWorkhorseTerminal(session);
  first.exit(137);
  await terminal.until(/container has ended/);
  assert.ok(visits.isConnected(BUILD));
  second.say('second shell');
  await terminal.until(/second shell/);
  terminal.type('to the second');
  await second.whenTyped('to the second');
  assert.equal(first.typed(), '');
  second.exit(1);
  assert.equal((await terminal.closed).code, 1000);
});

void test('a shell that could not begin because the container ended is followed by one in the next container', async (t) => {
  const { session, shells, container } = await serve(t);
  const [first, second] = [createFakeShell(), createFakeShell()];
  shells.push(first, second);
  const terminal = await openWorkhorseTerminal(session);
  container.isRunning = false;
  first.exit(126);
  second.say('second shell');
  await terminal.until(/second shell/);
});

void test('the end of a build closes its terminal with a message to the person', async (t) => {
  const { session, shells, visits } = await serve(t);
  const shell = createFakeShell();
  shells.push(shell);
  const terminal = await openWorkhorseTerminal(session);
  visits.end(BUILD, 'The job has ended.');
  assert.equal((await terminal.closed).code, 1000);
  assert.match(terminal.shown(), /The job has ended\./);
  assert.ok(shell.isClosed);
});

void test('a client that answers no ping is gone', async (t) => {
  const { session, shells, visits } = await serve(t, { pingMs: 40 });
  shells.push(createFakeShell());
  await openWorkhorseTerminal(session, { client: { autoPong: false } });
  await whenVisits(visits, false);
  assert.equal(visits.isConnected(BUILD), false);
});

void test('a client that answers pings stays, and an idle terminal is closed', async (t) => {
  const { session, shells } = await serve(t, { pingMs: 20, idleMs: () => 300 });
  const shell = createFakeShell();
  shells.push(shell);
  const terminal = await openWorkhorseTerminal(session);
  const beganMs = performance.now();
  await terminal.closed;
  assert.ok(performance.now() - beganMs > 250);
  assert.match(terminal.shown(), /too long/);
});

void test('no terminal is idle while it waits for the next shell', async (t) => {
  const { session, shells } = await serve(t, { idleMs: () => 500, retryMs: 10 });
  const [first, second] = [createFakeShell(), createFakeShell()];
  shells.push(first, ...Array<undefined>(80).fill(undefined), second);
  const terminal = await openWorkhorseTerminal(session);
  first.exit(137);
  second.say('second shell');
  await terminal.until(/second shell/);
  assert.doesNotMatch(terminal.shown(), /too long/);
});

void test('the limit of an idle terminal is the one that holds when it opens', async (t) => {
  let limitMs = 60_000;
  const { session, shells, visits } = await serve(t, { idleMs: () => limitMs });
  shells.push(createFakeShell(), createFakeShell());
  const first = await openWorkhorseTerminal(session);
  first.socket.close();
  await first.closed;
  await whenVisits(visits, false);
  limitMs = 50;
  const second = await openWorkhorseTerminal(session);
  await second.closed;
  assert.match(second.shown(), /too long/);
});

void test('a shell that reads nothing slows the client down, and loses nothing', async (t) => {
  const { session, shells } = await serve(t);
  const shell = createFakeShell();
  shell.isStuck = true;
  shells.push(shell);
  const terminal = await openWorkhorseTerminal(session);
  const piece = 'x'.repeat(64 * 1024);
  for (let sent = 0; sent < 400; sent += 1) terminal.type(piece);
  await shell.whenTyped('x');
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(terminal.socket.bufferedAmount > 5e6, 'most of it is still with the client');
  shell.isStuck = false;
  terminal.type('end');
  await shell.whenTyped('end');
  assert.equal(shell.typed().length, 400 * piece.length + 3);
});

void test('a message that is too large or not base64 ends only its terminal', async (t) => {
  const { session, shells, visits } = await serve(t);
  shells.push(createFakeShell(), createFakeShell(), createFakeShell());
  const large = await openWorkhorseTerminal(session);
  large.socket.send(Buffer.alloc(2 * 1024 * 1024));
  assert.equal((await large.closed).code, 1009);
  await whenVisits(visits, false);
  const protocols = ['base64.terminal.gitlab.com'];
  const odd = await openWorkhorseTerminal(session, { protocols });
  odd.socket.send('no base64!');
  assert.equal((await odd.closed).code, 1007);
  await whenVisits(visits, false);
  const next = await openWorkhorseTerminal(session);
  next.socket.terminate();
});

void test('bytes that are no TLS, no HTTP or no WebSocket are refused, and the server continues', async (t) => {
  const { session, shells, port } = await serve(t);
  const say = async (text: string, isTls: boolean): Promise<string> => {
    const options = { port, host: '127.0.0.1', ca: session.certificate };
    const socket = isTls ? connect(options) : connectPlain(options);
    socket.on('error', () => undefined);
    let heard = '';
    socket.on('data', (bytes: Buffer) => (heard += bytes.toString('latin1')));
    await once(socket, isTls ? 'secureConnect' : 'connect');
    socket.write(text);
    await once(socket, 'close');
    return heard;
  };
  const head = `GET /session/${ID}/exec HTTP/1.1\r\nHost: x\r\nAuthorization: ${TOKEN}\r\n`;
  assert.doesNotMatch(await say('GET / HTTP/1.1\r\n\r\n', false), /200/);
  assert.match(await say('nonsense\r\n\r\n', true), /^HTTP\/1\.1 400/);
  const many = `${head}X: ${'y'.repeat(20_000)}\r\n\r\n`;
  assert.match(await say(many, true), /^HTTP\/1\.1 431/);
  const other = `${head}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`;
  assert.match(await say(other, true), /^HTTP\/1\.1 405/);
  const shell = createFakeShell();
  shells.push(shell);
  const half = `${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  assert.match(await say(half, true), /^HTTP\/1\.1 400/);
  assert.ok(shell.isClosed, 'no shell is left behind');
  shells.push(createFakeShell());
  (await openWorkhorseTerminal(session)).socket.terminate();
});

void test('a client with another pinned certificate does not connect', async (t) => {
  const { session } = await serve(t);
  const other = makeCertificate({ host: '127.0.0.1', nowMs: Date.now(), validMs: 1e6 });
  const stranger = { ...session, certificate: other.certificatePem };
  await assert.rejects(openWorkhorseTerminal(stranger), /self-signed|certificate/);
});

void test('the end of the process sends connected people a message, and does not wait for them', async (t) => {
  const { session, shells, close } = await serve(t);
  shells.push(createFakeShell());
  const terminal = await openWorkhorseTerminal(session);
  await close();
  await terminal.closed;
  assert.match(terminal.shown(), /connect again/);
});

void test('the end of the process is no departure, because the next process waits for the person', async (t) => {
  const { session, shells, visits, close } = await serve(t);
  const shell = createFakeShell();
  shells.push(shell);
  const terminal = await openWorkhorseTerminal(session);
  let changes = 0;
  visits.onChange(() => (changes += 1));
  await close();
  await terminal.closed;
  assert.ok(shell.isClosed);
  assert.ok(visits.isConnected(BUILD));
  assert.equal(changes, 0);
});

void test('the log contains neither token nor session', async (t) => {
  const { session, shells, said } = await serve(t);
  shells.push(createFakeShell());
  (await openWorkhorseTerminal(session)).socket.terminate();
  await refusedTerminal({ ...session, authorization: 'wrong' });
  assert.match(JSON.stringify(said), /terminal connected/);
  assert.doesNotMatch(JSON.stringify(said), new RegExp(`${ID}|${TOKEN}|wrong`));
});
