import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A port before a server. Connections are refused while it is closed. */
export interface Door {
  readonly port: number;
  shut(): Promise<void>;
  open(): Promise<void>;
}

export async function openDoor(targetPort: number): Promise<Door> {
  const sockets = new Set<Socket>();
  let server = serve(targetPort, sockets);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    shut: async () => {
      server.close();
      sockets.forEach((socket) => socket.resetAndDestroy());
      await once(server, 'close');
    },
    open: async () => {
      server = serve(targetPort, sockets);
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
}

function serve(targetPort: number, sockets: Set<Socket>): Server {
  return createServer((client) => {
    const target = connect(targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(socket);
      // A closed connection is expected: the test or one of the two programs closed it.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
}
