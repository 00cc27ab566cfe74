import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A TCP proxy that can disturb the connection between two programs. */
export interface TcpProxy {
  readonly port: number;
  /**
   * Holds back all data; the connections stay open without an end or a reset. Data that was sent
   * meanwhile arrives when the proxy is healed, because TCP sends it again.
   */
  blackHole(): void;
  /** Holds back all data of the connections that are open now, for good. New connections work. */
  strand(): void;
  /** Resets every connection. New connections work. */
  cut(): void;
  /** Delays all data in both directions by this time, plus or minus the jitter. */
  delay(delayMs: number, jitterMs?: number): void;
  heal(): void;
  close(): Promise<void>;
}

export interface TcpProxyOptions {
  readonly targetPort: number;
  /** The address to listen on. Containers cannot reach 127.0.0.1 of this host. */
  readonly host?: string;
}

interface Wire {
  isDead: boolean;
  delayMs: number;
  jitterMs: number;
  /** These functions are called when the proxy is healed. */
  readonly waiting: Set<() => void>;
}

function layWire(): Wire {
  return { isDead: false, delayMs: 0, jitterMs: 0, waiting: new Set() };
}

export async function startTcpProxy({
  targetPort,
  host = '127.0.0.1',
}: TcpProxyOptions): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  /** The wire of new connections. */
  let wire = layWire();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    // A closed connection is expected: the test or one of the two programs closed it.
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    return socket;
  };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    keep(client);
    const target = keep(connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true }));
    const own = wire;
    void carry(client, target, own);
    void carry(target, client, own);
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    blackHole: () => {
      wire.isDead = true;
    },
    strand: () => {
      wire.isDead = true;
      wire = layWire();
    },
    cut: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    delay: (delayMs, jitterMs = 0) => {
      Object.assign(wire, { delayMs, jitterMs });
    },
    heal: () => {
      Object.assign(wire, { isDead: false, delayMs: 0, jitterMs: 0 });
      for (const go of wire.waiting) go();
      wire.waiting.clear();
    },
    close: async () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
      await once(server, 'close');
    },
  };
}

/** Passes data in one direction until one of the ends is closed. */
async function carry(from: Socket, to: Socket, wire: Wire): Promise<void> {
  try {
    for await (const chunk of from) {
      if (wire.delayMs > 0) await delay(wire.delayMs + wire.jitterMs * (2 * Math.random() - 1));
      await whenAlive(wire);
      if (!to.write(chunk as Buffer)) await once(to, 'drain');
    }
    await whenAlive(wire);
    to.end();
  } catch {
    await whenAlive(wire);
    to.destroy();
  }
}

function whenAlive({ isDead, waiting }: Wire): Promise<void> {
  return isDead ? new Promise((resolve) => waiting.add(resolve)) : Promise.resolve();
}
