import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  openHttpServer,
  STATUS_WORDS,
  type HttpResponse,
} from '../../src/adapters/http-server/http-server.ts';
import { recordingLog } from '../support/recording-log.ts';
import {
  CANARY,
  CODEC_TOKEN,
  openCodec,
  openMetricsServer,
  openSession,
  openStatusServer,
  SESSION_ID,
  SESSION_TOKEN,
  type OpenServer,
  type ServerName,
} from './support/open-servers.ts';
import {
  also,
  at,
  open,
  renamed,
  talk,
  toBytes,
  tokenOf,
  withFirst,
  withHeader,
  without,
  type Heard,
  type WireRequest,
} from './support/wire-requests.ts';

/** The expected status for each server. A request is not sent to a server that is not named. */
type Expected = number | Partial<Record<ServerName, number | undefined>>;

type Row = readonly [
  why: string,
  send: (good: WireRequest) => WireRequest | string | Buffer,
  expected: Expected,
];

const NO_ANSWER = { ...same(undefined), session: undefined };

const ROWS: readonly Row[] = [
  ['a path that is none of its own', (good) => at(good, '/nowhere'), 404],
  ['its root', (good) => at(good, '/'), 404],
  ['a path that goes on', (good) => at(good, `${good.path}/more`), 404],
  ['a path that climbs out', (good) => at(good, '/../../../etc/passwd'), 404],
  ['a path that climbs back to one of its own', (good) => at(good, `/x/..${good.path}`), 404],
  ['the same, encoded', (good) => at(good, `/x/%2e%2e${good.path}`), 404],
  ['the same, with the other slash', (good) => at(good, `/x\\..${good.path}`), 404],
  ['a dot before one of its own', (good) => at(good, `/.${good.path}`), 404],
  ['two slashes', (good) => at(good, `/${good.path}`), 404],
  ['another host before one of its own', (good) => at(good, `//other.test${good.path}`), 404],
  ['an encoded letter', (good) => at(good, encodeLetter(good.path)), 404],
  ['an encoded slash', (good) => at(good, good.path.replace('/', '%2f')), 400],
  ['an encoded NUL', (good) => at(good, `${good.path}%00`), 404],
  ['a sign that encodes nothing', (good) => at(good, `${good.path}%zz`), 404],
  ['what every object has', (good) => at(good, '/__proto__'), 404],
  ['a fragment', (good) => at(good, `${good.path}#x`), 404],
  ['a long path', (good) => at(good, `/${'x'.repeat(7_000)}`), 404],
  // The server reads this much at once. Of more it would leave a rest, and the answer could be lost.
  ['a path beyond all limits', (good) => at(good, `/${'x'.repeat(40_000)}`), 431],
  ['a path of raw bytes', (good) => Buffer.from(toBytes(at(good, '/\xff\xfe')), 'latin1'), 400],
  [
    'the address of a proxy',
    (good) => at(good, `http://other.test${good.path}`),
    { ...same(400), session: 404 },
  ],
  ['an asterisk', (good) => at(good, '*'), { ...same(400), session: 404 }],
  ['PUT', (good) => ({ ...good, method: 'PUT' }), 405],
  ['DELETE', (good) => ({ ...good, method: 'DELETE' }), 405],
  ['TRACE', (good) => ({ ...good, method: 'TRACE' }), 405],
  [
    'POST',
    (good) => ({ ...good, method: 'POST', body: '{}' }),
    { metrics: 405, status: 405, session: 405 },
  ],
  ['GET where something is sent', (good) => ({ ...good, method: 'GET' }), { codec: 405 }],
  ['a method of its own', (good) => ({ ...good, method: 'SCRAPE' }), 400],
  ['CONNECT', (good) => at({ ...good, method: 'CONNECT' }, 'other.test:443'), NO_ANSWER],
  ['a header of 40,000 bytes', (good) => also(good, 'X-Long', 'x'.repeat(40_000)), 431],
  ['6,000 headers', (good) => ({ ...good, headers: [...good.headers, ...SHORT_HEADERS] }), 431],
  ['a header with NUL', (good) => also(good, 'X-Odd', 'a\0b'), 400],
  ['a header that goes on in the next line', (good) => also(good, 'X-Odd', 'a\r\n b'), 400],
  ['no Host', (good) => without(good, 'Host'), 400],
  ['a second Host', (good) => also(good, 'Host', 'other.test'), 400],
  ['the same Host twice', (good) => also(good, 'Host', '127.0.0.1'), 400],
  ['two lengths', (good) => also(also(good, 'Content-Length', '1'), 'Content-Length', '2'), 400],
  ['a length that is none', (good) => also(good, 'Content-Length', '-1'), 400],
  [
    'a length, and a body in chunks',
    (good) => also(also(good, 'Content-Length', '5'), 'Transfer-Encoding', 'chunked'),
    400,
  ],
  ['a wish that nobody knows', (good) => also(good, 'Expect', 'wonders'), 417],
  ['no HTTP', () => 'nonsense\r\n\r\n', 400],
  ['HTTP 0.9', (good) => `GET ${good.path}\r\n\r\n`, 400],
  ['HTTP 2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['a hello of TLS', () => Buffer.from('160301020001000100', 'hex'), 400],
  ['only zeros', () => Buffer.alloc(1_000), 400],
];

const SHORT_HEADERS = Array.from({ length: 6_000 }, () => ['a', 'b'] as const);

function same(status: number | undefined): Partial<Record<ServerName, number | undefined>> {
  return { metrics: status, status, codec: status };
}

function encodeLetter(path: string): string {
  return `/%${Buffer.from(path.slice(1, 2)).toString('hex')}${path.slice(2)}`;
}

/** Checks that a refusal contains only its status. */
function assertSaysNothing(heard: Heard, why: string): void {
  const known = [
    ...['content-type', 'content-length', 'x-content-type-options', 'cache-control', 'date'],
    ...['connection', 'keep-alive', 'transfer-encoding', 'allow', 'vary', 'www-authenticate'],
  ];
  const unknown = [...heard.headers.keys()].filter((name) => !known.includes(name));
  assert.deepEqual(unknown, [], why);
  const words = STATUS_WORDS[heard.status ?? 0];
  assert.ok(['', `${words}\n`].includes(heard.body), `${why}: ${heard.all}`);
}

const profile = (good: WireRequest, query: string): WireRequest =>
  at(good, `/debug/pprof/profile?${query}`);

/** Requests for the metrics server only. */
const QUESTIONS: readonly Row[] = [
  ['a profile of no time', (good) => profile(good, 'seconds=0'), 400],
  ['a profile of a negative time', (good) => profile(good, 'seconds=-1'), 400],
  ['a profile of an hour', (good) => profile(good, 'seconds=3600'), 400],
  ['a profile of a word', (good) => profile(good, 'seconds=soon'), 400],
  ['a profile of 1e1 seconds', (good) => profile(good, 'seconds=1e1'), 400],
  ['a profile of an encoded NUL', (good) => profile(good, 'seconds=%00'), 400],
];

/** Valid requests from senders that are not let in. */
const STRANGERS: readonly Row[] = [
  ['no token', (good) => without(good, 'Authorization'), 401],
  ['an empty token', (good) => withHeader(good, 'Authorization', ''), 401],
  ['a wrong token', (good) => withHeader(good, 'Authorization', `Bearer ${CANARY}`), 401],
  ['a token of 7,000 bytes', (good) => withHeader(good, 'Authorization', 'x'.repeat(7_000)), 401],
  [
    'a token that begins alike',
    (good) => withHeader(good, 'Authorization', `${tokenOf(good)}0`),
    401,
  ],
  [
    'a part of the token',
    (good) => withHeader(good, 'Authorization', tokenOf(good).slice(0, -1)),
    401,
  ],
  ['a wrong token before the right one', (good) => withFirst(good, 'Authorization', 'x'), 401],
  [
    'the token as a parameter',
    (good) =>
      at(without(good, 'Authorization'), `${good.path}?token=${encodeURIComponent(tokenOf(good))}`),
    401,
  ],
  ['the token as a cookie', (good) => renamed(good, 'Authorization', 'Cookie'), 401],
];

/** Requests for the session server only. The library answers faults of the handshake itself. */
const UPGRADES: readonly Row[] = [
  [
    'an unknown session',
    (good) => at(good, good.path.replace(/[a-f0-9]{64}/, 'd4'.repeat(32))),
    404,
  ],
  ['a service of the job', (good) => at(good, good.path.replace('exec', 'proxy/web/80/')), 404],
  ['a plain request', (good) => without(good, 'Connection', 'Upgrade'), 405],
  ['another upgrade', (good) => withHeader(good, 'Upgrade', 'h2c'), 405],
];

for (const [name, openServer] of [
  ['metrics', openMetricsServer],
  ['status', openStatusServer],
  ['codec', openCodec],
  ['session', openSession],
] as const) {
  describe(`bad input to the server ${name}`, () => {
    let server: OpenServer;
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    before(async () => {
      server = await openServer();
      process.on('unhandledRejection', note);
      process.on('uncaughtException', note);
    });
    after(async () => {
      await server.close();
      process.off('unhandledRejection', note);
      process.off('uncaughtException', note);
    });

    async function assertServes(): Promise<void> {
      const { status, all } = await talk(server, toBytes(server.good));
      assert.equal(status, server.goodStatus, all);
      assert.deepEqual(rejections, []);
    }

    it('answers the good request that all others are variants of', () => assertServes());

    const strangers = name === 'codec' || name === 'session' ? STRANGERS : [];
    const own = { metrics: QUESTIONS, session: UPGRADES, status: [], codec: [] }[name];
    for (const [why, send, expected] of [...ROWS, ...strangers, ...own]) {
      if (typeof expected !== 'number' && !(name in expected)) continue;
      const status = typeof expected === 'number' ? expected : expected[name];
      it(`answers ${status ?? 'nothing'} to ${why}`, async () => {
        const sent = send(server.good);
        const isWire = typeof sent === 'string' || Buffer.isBuffer(sent);
        const heard = await talk(server, isWire ? sent : toBytes(sent));
        assert.equal(heard.status, status, heard.all);
        assertSaysNothing(heard, why);
        await assertServes();
      });
    }

    it('tells the client nothing about an internal fault, and logs it for the operator', async () => {
      const from = server.said.length;
      server.breakInside();
      const heard = await talk(server, toBytes(server.good));
      server.mendInside();
      assert.equal(heard.status, 500, heard.all);
      assertSaysNothing(heard, 'a fault');
      assert.equal(server.said.slice(from).filter(({ level }) => level === 'error').length, 1);
      await assertServes();
    });

    it('never upgrades to another protocol, and lets no other page read its answer', async () => {
      for (const protocol of ['h2c', 'TLS/1.0', 'x'.repeat(1_000)]) {
        const asked = withHeader(
          withHeader(server.good, 'Connection', 'Upgrade, close'),
          'Upgrade',
          protocol,
        );
        const { status } = await talk(server, toBytes(asked));
        assert.equal(status, name === 'session' ? 405 : 200);
      }
      const asked = without(also(server.good, 'Origin', 'https://evil.example.com'), 'Upgrade');
      const heard = await talk(server, toBytes(asked));
      assert.equal(heard.status, { codec: 403, session: 405, metrics: 200, status: 200 }[name]);
      assert.doesNotMatch(heard.all, /access-control/i);
    });

    it('continues after clients that leave at any moment', async () => {
      const from = server.said.length;
      const bytes = toBytes({ ...server.good, body: server.good.body || 'x'.repeat(2_000) });
      const cuts = [0, 1, 20, bytes.indexOf('\r\n\r\n') + 2, bytes.length - 1, bytes.length];
      for (const cut of cuts) {
        for (const leave of ['end', 'destroy'] as const) {
          const socket = await open(server);
          await new Promise((resolve) => socket.write(bytes.slice(0, cut), resolve));
          socket[leave]();
          socket.resume();
          if (!socket.closed) await once(socket, 'close');
          await server.whenLeft();
        }
      }
      await server.whenLeft();
      await assertServes();
      const loud = server.said.slice(from).filter(({ level }) => /error|warn/.test(level));
      assert.deepEqual(loud, [], 'nobody has to look after a client that left');
    });

    it('answers two requests that arrive in one write, one after the other', async () => {
      if (name === 'session') return;
      const kept = without(server.good, 'Connection');
      const heard = await talk(server, toBytes(kept) + toBytes(at(server.good, '/nowhere')));
      assert.match(heard.all, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 404 /);
    });

    it('logs no part of the bad input', () => {
      const told = JSON.stringify(server.said.map(({ message, fields }) => [message, fields]));
      for (const secret of [CODEC_TOKEN, SESSION_TOKEN, SESSION_ID]) {
        assert.ok(!told.includes(secret), told);
      }
    });
  });
}

describe('clients that are too slow', () => {
  const slow: readonly [what: string, bytes: (good: WireRequest) => string][] = [
    ['silence', () => ''],
    ['half a line', () => 'GET /met'],
    ['half of the headers', (good) => toBytes(good).slice(0, -20 - good.body.length)],
    ['half of a body', (good) => toBytes({ ...good, method: 'POST', body: 'xx' }).slice(0, -1)],
  ];

  it('get 408 or nothing from an HTTP server, and cause no line in its log', async () => {
    const { log, said } = recordingLog();
    const server = await openHttpServer({
      ...{ host: '127.0.0.1', port: 0, name: 'slow', log, maxBodyBytes: 100, requestMs: 500 },
      answer: async (question) => answered(await question.readBody()),
    });
    const asked = { connect: () => connectTcp(server.port, '127.0.0.1'), whenLeft: nobody };
    await Promise.all(
      slow.map(async ([what, bytes]) => {
        const good = { method: 'GET', path: '/', headers: [['Host', 'x']] as const, body: '' };
        const heard = await talk(asked, bytes(good));
        assert.equal(heard.status, 408, `${what}: ${heard.all}`);
        assertSaysNothing(heard, what);
      }),
    );
    await server.close();
    assert.deepEqual(said, []);
  });

  it('are disconnected by the session server, also before a TLS handshake', async () => {
    const server = await openSession({ requestMs: 500 });
    try {
      await Promise.all(
        slow.slice(0, 3).map(async ([what, bytes]) => {
          const heard = await talk(server, bytes(server.good));
          assert.equal(heard.status, 408, `${what}: ${heard.all}`);
          assertSaysNothing(heard, what);
        }),
      );
      const plain = { connect: () => connectTcp(server.port, '127.0.0.1'), whenLeft: nobody };
      assert.equal((await talk(plain, '')).status, undefined);
    } finally {
      await server.close();
    }
  });

  it('do not delay the end of the session server, whatever they wait for', async () => {
    const server = await openSession({ hasShell: false });
    const silent = connectTcp(server.port, '127.0.0.1');
    await once(silent, 'connect');
    const waiting = await open(server);
    waiting.write(toBytes(server.good));
    const refused = await open(server);
    refused.write(toBytes(without(server.good, 'Authorization')));
    await once(refused, 'data');
    const ends = [silent, waiting, refused].map(untilSentAway);
    const isClosed = await Promise.race([server.close().then(() => true), delay(5_000, false)]);
    assert.ok(isClosed, 'the end of the server waits for its clients');
    await Promise.all(ends);
  });
});

const nobody = (): Promise<void> => Promise.resolve();

function answered(body: Buffer | undefined): HttpResponse {
  return { status: 200, type: 'text', body: String(body) };
}

/** Resolves when the other side has ended the connection, in order or by a reset. */
async function untilSentAway(socket: Socket): Promise<void> {
  socket.on('error', () => undefined);
  if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
}
