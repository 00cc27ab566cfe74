import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { defaultPayloadConverter, type Payload, type PayloadCodec } from '@temporalio/common';
import type { Access } from '../../../src/adapters/codec-server/access.ts';
import { openCodecServer } from '../../../src/adapters/codec-server/codec-server.ts';
import type { TokenVerdict } from '../../../src/adapters/codec-server/oidc.ts';
import type { OpenHttpServer } from '../../../src/adapters/http-server/http-server.ts';
import { createPayloadCodec } from '../../../src/adapters/temporal/codec.ts';
import { showValue } from '../../../src/domain/view/show-value.ts';
import { loadCipher } from '../../support/cipher.ts';
import { recordingLog } from '../../support/recording-log.ts';

const TOKEN = 'token-of-the-codec-server-4711';
const UI = 'https://temporal.example.com';
const CANARY = 'canary-of-a-payload';

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
}

describe('the codec server', () => {
  let directory: string;
  let codec: PayloadCodec;
  let server: OpenHttpServer;
  let sealed: Payload;
  let verify: Access['verify'];
  const { log, said } = recordingLog();
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'codec-server-'));
    codec = createPayloadCodec(await loadCipher(join(directory, 'keys.json')));
    server = await openCodecServer({
      ...{ host: '127.0.0.1', port: 0, setting: 'ADDRESS', codec, log },
      show: (value) => showValue(value, { name: 'shown' }),
      access: {
        get verify() {
          return verify;
        },
        ...{ token: TOKEN, hosts: ['127.0.0.1', 'codec.example.com'] },
        ...{ origins: () => [UI], namespace: () => 'builds' },
      },
    });
    sealed = await seal({ name: CANARY });
  });
  after(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  async function seal(value: unknown): Promise<Payload> {
    const [payload] = await codec.encode([defaultPayloadConverter.toPayload(value)]);
    return payload!;
  }

  /** Sends a request byte by byte, because `fetch` does not allow a chosen `Host` or `Origin`. */
  async function ask(sent: Sent): Promise<{ status: number; head: string; body: string }> {
    const { method = 'POST', path = '/decode', body = '' } = sent;
    const headers = {
      ...{ Host: `127.0.0.1:${server.port}`, 'Content-Type': 'application/json' },
      ...{ 'Content-Length': String(Buffer.byteLength(body)), Connection: 'close' },
      ...{ Authorization: `Bearer ${TOKEN}`, 'X-Namespace': 'builds' },
      ...sent.headers,
    };
    const lines = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}: ${value}`],
    );
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    // The server may end the connection before it has read everything.
    socket.on('error', () => undefined);
    socket.write(`${[`${method} ${path} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${body}`);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'close');
    const [head = '', ...rest] = Buffer.concat(chunks).toString().split('\r\n\r\n');
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]);
    return { status, head, body: rest.join('\r\n\r\n') };
  }

  const bodyOf = (...payloads: Payload[]): string =>
    JSON.stringify({ payloads: payloads.map(toJson) });

  async function convert(path: string, ...payloads: Payload[]): Promise<readonly Payload[]> {
    const { status, body } = await ask({ path, body: bodyOf(...payloads) });
    assert.equal(status, 200, body);
    return (JSON.parse(body) as { payloads: JsonPayload[] }).payloads.map(fromJson);
  }

  it('decrypts encrypted payloads, and shows the fields that people may see', async () => {
    const payload = await seal({ name: 'rspec', secret: CANARY });
    const [decoded] = await convert('/decode', payload);
    assert.deepEqual(defaultPayloadConverter.fromPayload(decoded!), {
      name: 'rspec',
      secret: '[HIDDEN]',
    });
  });

  it('does not change payloads that were never encrypted or that no key of the node opens', async () => {
    const plain = defaultPayloadConverter.toPayload({ input: 'of a person' });
    const other = createPayloadCodec(await loadCipher(join(directory, 'other.json')));
    const [foreign] = await other.encode([plain]);
    const bent = { ...sealed, data: Buffer.from(sealed.data ?? []).fill(0, 40) };
    const decoded = await convert('/decode', plain, foreign!, bent, sealed);
    assert.deepEqual(decoded.slice(0, 3).map(toJson), [plain, foreign!, bent].map(toJson));
    assert.deepEqual(defaultPayloadConverter.fromPayload(decoded[3]!), { name: CANARY });
  });

  it('shows nothing of bytes, and shows empty values as they are', async () => {
    const payloads = await Promise.all([Buffer.from(CANARY), undefined, null].map(seal));
    const [bytes, ...empty] = await convert('/decode', ...payloads);
    assert.doesNotMatch(Buffer.from(bytes?.data ?? []).toString(), new RegExp(CANARY));
    const values = empty.map((one) => defaultPayloadConverter.fromPayload(one));
    assert.deepEqual(values, [undefined, null]);
  });

  it('logs each decoding with visitor, namespace and number, but without content', async () => {
    const from = said.length;
    const plain = defaultPayloadConverter.toPayload('plain');
    await convert('/decode', plain, sealed, sealed);
    await convert('/decode', plain);
    await convert('/encode', plain, sealed);
    assert.deepEqual(said.slice(from), [
      {
        ...{ level: 'info', message: 'payloads decoded' },
        fields: { by: 'token', namespace: 'builds', payloads: 2 },
      },
    ]);
  });

  describe('for people who are logged in to the UI', () => {
    const verdicts: Readonly<Record<string, TokenVerdict>> = {
      'good.to.ken': { kind: 'good', subject: `alice ${'x'.repeat(5_000)}` },
      'bad.to.ken': { kind: 'bad', why: 'audience' },
      'un.know.n': { kind: 'unknown', why: 'away' },
    };
    before(() => {
      verify = (token) => Promise.resolve(verdicts[token] ?? { kind: 'bad', why: token });
    });
    after(() => {
      verify = undefined;
    });
    const rows: [access: string | undefined, id: string | undefined, status: number][] = [
      ['Bearer good.to.ken', undefined, 200],
      ['Bearer bad.to.ken', 'good.to.ken', 200],
      ['Bearer opaque', 'good.to.ken', 200],
      [undefined, 'good.to.ken', 200],
      ['Bearer bad.to.ken', 'bad.to.ken', 401],
      ['Bearer bad.to.ken', undefined, 401],
      ['Basic good.to.ken', undefined, 401],
      ['Bearer un.know.n', undefined, 503],
      ['Bearer bad.to.ken', 'un.know.n', 503],
    ];
    for (const [access, id, status] of rows) {
      it(`answers ${status} to the access token ${access} with the ID token ${id}`, async () => {
        const from = said.length;
        const headers = { Authorization: access, 'Authorization-Extras': id };
        const answer = await ask({ body: bodyOf(sealed), headers });
        assert.equal(answer.status, status);
        const told = JSON.stringify(said.slice(from));
        assert.equal(told.includes('"by":"alice xxx'), status === 200);
        assert.equal(told.includes(CANARY) || told.includes('good.to.ken'), false);
        assert.ok(told.length < 500, 'a long name does not fill the log');
      });
    }
  });

  it('encrypts nothing on request: the input of a command stays plain', async () => {
    const plain = defaultPayloadConverter.toPayload('runner one');
    assert.deepEqual((await convert('/encode', plain)).map(toJson), [toJson(plain)]);
  });

  it('accepts the token in the path, where the UI of the embedded Temporal sends it', async () => {
    const answer = await ask({
      ...{ path: `/${TOKEN}/decode`, body: bodyOf(sealed) },
      headers: { Authorization: undefined, Origin: UI },
    });
    assert.equal(answer.status, 200);
    assert.match(answer.head, /^Access-Control-Allow-Origin: https:\/\/temporal\.example\.com$/m);
    assert.match(answer.head, /^Vary: Origin$/m);
  });

  it('answers the preflight of the UI, and allows the headers that it sends', async () => {
    const { status, head } = await ask({
      method: 'OPTIONS',
      headers: {
        ...{ Authorization: undefined, 'X-Namespace': undefined, Origin: UI },
        ...{ 'Access-Control-Request-Method': 'POST' },
        'Access-Control-Request-Headers': 'authorization,content-type,x-namespace',
      },
    });
    assert.equal(status, 200);
    assert.match(head, /^Access-Control-Allow-Methods: POST$/m);
    assert.match(
      head,
      /^Access-Control-Allow-Headers: .*Authorization.*Content-Type, X-Namespace$/m,
    );
    assert.doesNotMatch(head, /\*|Allow-Credentials/);
  });

  const good = { payloads: [] };
  const refused: [why: string, sent: Sent, status: number][] = [
    ['no token', { headers: { Authorization: undefined } }, 401],
    ['a wrong token', { headers: { Authorization: 'Bearer nonsense' } }, 401],
    ['a part of the token', { headers: { Authorization: `Bearer ${TOKEN.slice(1)}` } }, 401],
    ['another scheme', { headers: { Authorization: `Basic ${TOKEN}` } }, 401],
    [
      'a wrong token in the path',
      { path: '/x/decode', headers: { Authorization: undefined } },
      401,
    ],
    ['another origin', { headers: { Origin: 'https://evil.example.com' } }, 403],
    ['a sandboxed page', { headers: { Origin: 'null' } }, 403],
    ['the origin with another port', { headers: { Origin: `${UI}:444` } }, 403],
    ['the origin as a beginning', { headers: { Origin: `${UI}.evil.com` } }, 403],
    ['the origin without TLS', { headers: { Origin: UI.replace('https', 'http') } }, 403],
    ['a name that was rebound', { headers: { Host: 'evil.example.com' } }, 403],
    ['a name with user and password', { headers: { Host: '127.0.0.1@evil.com' } }, 403],
    ['no name', { headers: { Host: '' } }, 403],
    [
      'a preflight of another page',
      { method: 'OPTIONS', headers: { Origin: 'https://evil.example.com' } },
      403,
    ],
    ['another namespace', { headers: { 'X-Namespace': 'payments' } }, 403],
    ['no such path', { path: '/' }, 404],
    ['a path that goes on', { path: '/decode/more' }, 404],
    ['a download', { method: 'GET', path: `/${TOKEN}/decode` }, 405],
    ['a removal', { method: 'DELETE' }, 405],
    ['a form, which every page may send', { headers: { 'Content-Type': 'text/plain' } }, 415],
    ['no JSON', { body: CANARY }, 400],
    ['an array', { body: '[]' }, 400],
    ['payloads that are none', { body: '{"payloads":[1]}' }, 400],
    ['metadata that is none', { body: '{"payloads":[{"metadata":{"a":1}}]}' }, 400],
    ['data that is none', { body: '{"payloads":[{"data":{}}]}' }, 400],
    ['a prototype', { body: '{"payloads":{"__proto__":[]}}' }, 400],
    ['broken UTF-8', { body: '{"payloads":[{"data":"\u{d800}' }, 400],
    ['too many', { body: JSON.stringify({ payloads: Array(2_001).fill({}) }) }, 400],
    ['too much, as it says', { headers: { 'Content-Length': '99999999' } }, 413],
    ['a long header', { headers: { 'X-Long': 'x'.repeat(40_000) } }, 431],
  ];
  for (const [why, sent, status] of refused) {
    it(`answers ${status} and nothing else to ${why}`, async () => {
      const answer = await ask({ body: JSON.stringify(good), ...sent });
      assert.equal(answer.status, status);
      assert.doesNotMatch(`${answer.head}${answer.body}`, new RegExp(`${CANARY}|${TOKEN}`));
      assert.ok(answer.body.length < 40, answer.body);
      if (status === 403 && sent.headers?.['Origin'] !== undefined) {
        assert.doesNotMatch(answer.head, /Access-Control/);
      }
    });
  }

  it('answers 413 to a body that is too large and has no length', async () => {
    const chunk = 'x'.repeat(1024 * 1024);
    const body = `${`100000\r\n${chunk}\r\n`.repeat(17)}0\r\n\r\n`;
    const headers = { 'Content-Length': undefined, 'Transfer-Encoding': 'chunked' };
    assert.equal((await ask({ headers, body })).status, 413);
  });

  it('lets nobody in before it knows its Temporal', async () => {
    const early = await openCodecServer({
      ...{ host: '127.0.0.1', port: 0, setting: 'ADDRESS', codec, log: recordingLog().log },
      show: (value) => value,
      access: {
        ...{ token: TOKEN, hosts: ['127.0.0.1'] },
        ...{ origins: () => [], namespace: () => undefined },
      },
    });
    try {
      const headers = { 'Content-Type': 'application/json' };
      const url = `http://127.0.0.1:${early.port}/${TOKEN}/decode`;
      const body = bodyOf(sealed);
      const { status } = await fetch(url, { method: 'POST', headers, body });
      assert.equal(status, 403);
    } finally {
      await early.close();
    }
  });
});

interface JsonPayload {
  readonly metadata: Readonly<Record<string, string>>;
  readonly data?: string;
}

function toJson({ metadata, data }: Payload): JsonPayload {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value).toString('base64'),
      ]),
    ),
    ...(data && data.byteLength > 0 && { data: Buffer.from(data).toString('base64') }),
  };
}

function fromJson({ metadata, data }: JsonPayload): Payload {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
    ),
    data: Buffer.from(data ?? '', 'base64'),
  };
}
