import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createNetServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import { json, plain, startServer, type Answer, type ScriptedServer } from './support/server.ts';
import { JOB, openCoordinator } from './support/subjects.ts';

/** A server below HTTP: it accepts connections and handles them as the test says. */
async function startRawServer(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createNetServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

describe('connections to GitLab', () => {
  let server: ScriptedServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.close());

  it('one serves many calls, and another is opened when GitLab has closed it meanwhile', async () => {
    server.answer(plain(204));
    const coordinator = openCoordinator(server.url);
    const before = server.connections.length;
    for (const _ of [1, 2, 3]) await coordinator.requestJob({ mayWait: false });
    assert.equal(server.connections.length - before, 1);
    const idle = server.connections.at(-1);
    const closed = once(idle as Socket, 'close');
    idle?.end();
    await closed;
    assert.equal((await coordinator.requestJob({ mayWait: false })).kind, 'no_job');
    assert.equal(server.connections.length - before, 2);
    await coordinator.close();
  });

  it('when GitLab closes one during a request, this is a transient fault, and the bytes are sent again', async () => {
    const closing: Answer = (response) => response.socket?.destroy();
    server.answer(plain(202), closing, plain(202));
    const coordinator = openCoordinator(server.url);
    const patch = (startByte: number) =>
      coordinator.patchTrace(JOB, {
        window: { startByte, endByte: startByte + 2 },
        body: Buffer.from('ab'),
        debugTrace: false,
      });
    assert.equal((await patch(0)).kind, 'accepted');
    await assert.rejects(patch(2), { name: 'TransientError' });
    assert.equal((await patch(2)).kind, 'accepted');
    const [lost, again] = server.requests.slice(-2);
    assert.deepEqual(again?.headers['content-range'], lost?.headers['content-range']);
    assert.deepEqual(again?.body, lost?.body);
    await coordinator.close();
  });

  it('a job of 10 MB arrives completely', async () => {
    const payload = { id: 1, token: 't', steps: [{ script: ['ä'.repeat(5_000_000)] }] };
    server.answer(json(201, payload));
    const coordinator = openCoordinator(server.url);
    const reply = await coordinator.requestJob({ mayWait: false });
    assert.ok(reply.kind === 'job');
    assert.deepEqual(reply.payload, payload);
    await coordinator.close();
  });

  it('a job request in progress is not cut off by closing, because it may return a job', async () => {
    let answer = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      server.answer((response) => {
        answer = () =>
          response.writeHead(201, { 'Content-Type': 'application/json' }).end('{"id":5}');
        resolve();
      });
    });
    const coordinator = openCoordinator(server.url);
    const reply = coordinator.requestJob({ mayWait: false });
    await asked;
    await coordinator.close();
    answer();
    assert.equal((await reply).kind, 'job');
  });

  it('leave nothing open when they are idle and closed, so that a command can end', async () => {
    server.answer(plain(204));
    const coordinator = openCoordinator(server.url);
    await coordinator.requestJob({ mayWait: false });
    const closed = once(server.connections.at(-1) as Socket, 'close');
    await coordinator.close();
    await closed;
  });

  it('a server that accepts the connection but does not answer to TLS is given up in time', async (t) => {
    const port = await startRawServer(t, () => undefined);
    const timeouts = { connectMs: 200 };
    const coordinator = openCoordinator(`https://127.0.0.1:${port}`, { timeouts });
    const reply = await coordinator.requestJob({ mayWait: false });
    assert.ok(reply.kind === 'failed');
    assert.match(reply.message, /UND_ERR_CONNECT_TIMEOUT/);
    await coordinator.close();
  });

  const nonsense: [name: string, said: string, words: RegExp][] = [
    ['speaks no TLS', 'HTTP/1.1 400 Bad Request\r\n\r\n', /SSL|TLS|EPROTO/],
    ['refuses TLS by an alert', '\x15\x03\x03\x00\x02\x02\x28', /SSL|TLS|EPROTO/],
  ];
  for (const [name, said, words] of nonsense) {
    it(`a server that ${name} is a transient fault with a clear message`, async (t) => {
      const port = await startRawServer(t, (socket) => {
        socket.once('data', () => socket.end(Buffer.from(said, 'latin1')));
      });
      const coordinator = openCoordinator(`https://127.0.0.1:${port}`);
      const reply = await coordinator.requestJob({ mayWait: false });
      assert.ok(reply.kind === 'failed');
      assert.match(reply.message, words);
      await coordinator.close();
    });
  }

  const heads: [name: string, head: string][] = [
    ['no http', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ];
  for (const [name, head] of heads) {
    it(`an answer of ${name} is a transient fault`, async (t) => {
      const port = await startRawServer(t, (socket) => {
        socket.once('data', () => socket.write(head));
      });
      const coordinator = openCoordinator(`http://127.0.0.1:${port}`, {
        timeouts: { headersMs: 500 },
      });
      const reply = await coordinator.requestJob({ mayWait: false });
      assert.equal(reply.kind, 'failed');
      await assert.rejects(coordinator.updateJob(JOB, { state: 'running' }), {
        name: 'TransientError',
      });
      await coordinator.close();
    });
  }

  it('an unknown host name is a transient fault that names it', async () => {
    const coordinator = openCoordinator('http://gitlab.invalid');
    const reply = await coordinator.requestJob({ mayWait: false });
    assert.ok(reply.kind === 'failed');
    assert.match(
      reply.message,
      /POST http:\/\/gitlab\.invalid\/api\/v4\/jobs\/request failed: .*(ENOTFOUND|EAI_AGAIN)/,
    );
    await coordinator.close();
  });
});
