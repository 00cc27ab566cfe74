import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openSession } from '../support/open-servers.ts';
import {
  open,
  talk,
  toBytes,
  withHeader,
  without,
  type WireRequest,
} from '../support/wire-requests.ts';

const HANDSHAKES: readonly (readonly [why: string, send: (good: WireRequest) => WireRequest])[] = [
  ['no key', (good) => without(good, 'Sec-WebSocket-Key')],
  ['a key that is none', (good) => withHeader(good, 'Sec-WebSocket-Key', 'x')],
  ['another version', (good) => withHeader(good, 'Sec-WebSocket-Version', '7')],
  ['a list of protocols that is none', (good) => withHeader(good, 'Sec-WebSocket-Protocol', ',')],
  ['an offer that is none', (good) => withHeader(good, 'Sec-WebSocket-Extensions', '\x01')],
];

describe('bad input to the session server', () => {
  let server: Awaited<ReturnType<typeof openSession>>;
  before(async () => {
    server = await openSession({ requestMs: 500 });
  });
  after(() => server.close());

  for (const [why, send] of HANDSHAKES) {
    it(`answers 400 to a handshake with ${why}, and leaves no shell`, async () => {
      const heard = await talk(server, toBytes(send(server.good)));
      assert.equal(heard.status, 400, heard.all);
      assert.doesNotMatch(heard.all, /[0-9a-f]{16}|node|ws\b/i);
      assert.ok(server.shells.every(({ isClosed }) => isClosed));
    });
  }

  it('uses the plain protocol with a client that knows none of its protocols, as gitlab-runner does', async () => {
    const asked = withHeader(server.good, 'Sec-WebSocket-Protocol', 'chat');
    const { status, headers } = await talk(server, toBytes(asked));
    assert.equal(status, 101);
    assert.equal(headers.get('sec-websocket-protocol'), undefined);
  });

  it('forgets refused clients, including one that neither reads nor leaves', async () => {
    const before = openSockets();
    const asked = toBytes(without(server.good, 'Authorization'));
    await talk(server, asked);
    await untilOpenSockets(before);
    const staying = await open(server);
    staying.pause();
    staying.write(asked);
    await untilOpenSockets(before + 1); // The client's own end counts too.
    staying.destroy();
    await untilOpenSockets(before);
  });
});

/** Counts the connections that this process holds open. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

async function untilOpenSockets(count: number): Promise<void> {
  for (let tries = 0; openSockets() !== count; tries += 1) {
    assert.ok(tries < 250, `${openSockets()} ends of connections instead of ${count}`);
    await delay(20);
  }
}
