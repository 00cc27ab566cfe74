import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { startConnectProxy } from '../adapters/gitlab/support/connect-proxy.ts';
import { plain, startServer } from '../adapters/gitlab/support/server.ts';
import { openFakeVault } from './fake-vault.ts';

// An error outside of a test fails the whole file, without a failing test. Clients that leave are
// what many tests are about, so no server of the tests may end with one.

interface Target {
  readonly port: number;
  /** The address in the first line of a request. */
  readonly address: string;
}

type Open = (t: TestContext) => Promise<Target>;

const openScripted: Open = async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  server.answer(plain(200));
  return { port: server.port, address: '/' };
};

const SERVERS: Readonly<Record<string, Open>> = {
  'the scripted GitLab': openScripted,
  'the fake Vault': async (t) => {
    const vault = await openFakeVault({ publicKeyPem: '' });
    t.after(() => vault.close());
    return { port: Number(new URL(vault.url).port), address: '/v1/auth/jwt/login' };
  },
  'the proxy before a server': async (t) => {
    const { port } = await openScripted(t);
    return openProxy(t, port);
  },
  'the proxy before a server that is gone': (t) => openProxy(t, 1),
};

async function openProxy(t: TestContext, port: number): Promise<Target> {
  const proxy = await startConnectProxy(() => port);
  t.after(() => proxy.close());
  return { port: Number(new URL(proxy.url).port), address: 'http://gitlab.invalid/' };
}

/** Sends a half of a request, and leaves when the server has seen its beginning. */
async function leaveHalfway({ port, address }: Target): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const head = [
    `PUT ${address} HTTP/1.1`,
    ...['Host: gitlab.invalid', 'Content-Length: 10', 'Expect: 100-continue'],
    'X-Vault-Request: true',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  await once(socket, 'data'); // 100 Continue
  socket.write('abc');
  socket.resetAndDestroy();
  await once(socket, 'close');
}

/** Resolves when the server has answered a request, or has closed its connection. */
async function ask({ port, address }: Target): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${address} HTTP/1.1\r\nHost: gitlab.invalid\r\nConnection: close\r\n\r\n`);
  socket.resume();
  await once(socket, 'end');
}

describe('a client that leaves in the middle of its request', () => {
  for (const [name, open] of Object.entries(SERVERS)) {
    it(`is no error of ${name}`, async (t) => {
      const target = await open(t);
      await leaveHalfway(target);
      // The server has seen the end of the first request before it answers the next one.
      await ask(target);
    });
  }
});
