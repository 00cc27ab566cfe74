import { request, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** A connection that should be handed over, with the arguments of a server's event `upgrade`. */
export interface Upgrade {
  readonly incoming: IncomingMessage;
  readonly connection: Duplex;
  readonly head: Buffer;
}

export interface HandOverOptions {
  readonly dockerSocket: string;
  /** This function is awaited when Docker has agreed. The caller gets the agreement afterwards. */
  agreed?(): Promise<unknown>;
}

/** Sends the same request to Docker, and joins the two connections when Docker agrees. */
export function handOver(
  { incoming, connection, head }: Upgrade,
  { dockerSocket, agreed = () => Promise.resolve() }: HandOverOptions,
): void {
  const { method = '', url = '' } = incoming;
  const options = { socketPath: dockerSocket, agent: false, method, path: url } as const;
  const outgoing = request({ ...options, headers: incoming.headers });
  connection.on('error', () => outgoing.destroy());
  outgoing.on('error', () => connection.destroy());
  outgoing.on('response', () => connection.destroy());
  outgoing.on('upgrade', (reply, docker) => {
    connection.on('close', () => docker.end());
    docker.on('error', () => connection.destroy());
    void agreed().then(() => {
      const lines = [`HTTP/1.1 ${reply.statusCode ?? 101} UPGRADED`, 'Connection: Upgrade'];
      connection.write(`${[...lines, 'Upgrade: tcp'].join('\r\n')}\r\n\r\n`);
      docker.write(head);
      connection.pipe(docker).pipe(connection);
    });
  });
  outgoing.end();
}

/** Sends an answer instead of handing the connection over. */
export function refuseUpgrade(
  connection: Duplex,
  {
    status,
    headers,
    body,
  }: { status: number; headers: Readonly<Record<string, string>>; body: object },
): void {
  const text = JSON.stringify(body);
  const lines = [
    `HTTP/1.1 ${status} Refused`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  // Without this the end of the caller's data is never read, and the connection stays open.
  connection.resume();
  connection.end(`${lines.join('\r\n')}\r\n\r\n${text}`);
}
