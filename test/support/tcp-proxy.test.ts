import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { it, type TestContext } from 'node:test';
import { startTcpProxy } from './tcp-proxy.ts';

/** Opens an echo server behind a proxy. */
async function openEcho(t: TestContext) {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startTcpProxy({ targetPort: (server.address() as AddressInfo).port });
  const client = connect({ port: proxy.port, host: '127.0.0.1' });
  await once(client, 'connect');
  t.after(async () => {
    client.destroy();
    await proxy.close();
    server.close();
  });
  return { proxy, client };
}

it('carries data both ways', async (t) => {
  const { client } = await openEcho(t);
  client.write('hello');
  assert.equal(String((await once(client, 'data'))[0]), 'hello');
});

it('holds data back in a black hole, and delivers all of it in order afterwards', async (t) => {
  const { proxy, client } = await openEcho(t);
  proxy.blackHole();
  let said = '';
  client.on('data', (data) => (said += String(data)));
  client.write('one ');
  // No event reports that nothing arrives.
  await new Promise((resolve) => setTimeout(resolve, 100));
  client.write('two');
  assert.equal(said, '');
  proxy.heal();
  while (said.length < 7) await once(client, 'data');
  assert.equal(said, 'one two');
});

it('strands the connections that are open, and carries the data of new ones', async (t) => {
  const { proxy, client } = await openEcho(t);
  proxy.strand();
  let said = '';
  client.on('data', (data) => (said += String(data)));
  client.write('lost');
  const other = connect({ port: proxy.port, host: '127.0.0.1' });
  other.write('hello');
  assert.equal(String((await once(other, 'data'))[0]), 'hello');
  other.destroy();
  assert.equal(said, '');
});

it('delays data', async (t) => {
  const { proxy, client } = await openEcho(t);
  proxy.delay(60);
  const beganAtMs = performance.now();
  client.write('hello');
  await once(client, 'data');
  assert.ok(performance.now() - beganAtMs >= 110, 'there and back');
});

it('resets connections', async (t) => {
  const { proxy, client } = await openEcho(t);
  client.write('hello');
  await once(client, 'data');
  proxy.cut();
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
});
