import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface ConnectProxy {
  readonly url: string;
  /** `CONNECT host:port` or `GET http://host/path`, with the credentials of the request. */
  readonly requests: readonly {
    readonly line: string;
    readonly authorization: string | undefined;
  }[];
  close(): Promise<void>;
}

/** A proxy that sends every host to one port of this machine. */
export async function startConnectProxy(targetPort: () => number): Promise<ConnectProxy> {
  const requests: { line: string; authorization: string | undefined }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    requests.push({ line: `${method} ${url}`, authorization: headers['proxy-authorization'] });
    const { pathname, search } = new URL(url ?? '');
    const onward = httpRequest(
      { ...{ host: '127.0.0.1', port: targetPort(), method, headers }, path: pathname + search },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  server.on('connect', (request, socket: Socket) => {
    const authorization = request.headers['proxy-authorization'];
    requests.push({ line: `CONNECT ${request.url}`, authorization });
    const onward = connect(targetPort(), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on('error', () => end.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
