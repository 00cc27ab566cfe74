import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A request as the bytes that are sent. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** A server that requests are sent to. */
export interface Answering {
  connect(): Socket;
  /** Resolves when the server knows of no connected client. */
  whenLeft(): Promise<void>;
}

/** This is longer than any time limit of the servers. */
const GIVE_UP_MS = 15_000;

export interface Heard {
  /** The status; undefined when the connection ended without an answer. */
  readonly status: number | undefined;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  readonly all: string;
}

function parse(all: string): Heard {
  const [head = '', ...body] = all.split('\r\n\r\n');
  const [line = '', ...headers] = head.split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1];
  return {
    status: status === undefined ? undefined : Number(status),
    headers: new Map(
      headers.map((one) => {
        const [name = '', value = ''] = one.split(': ', 2);
        return [name.toLowerCase(), value];
      }),
    ),
    body: body.join('\r\n\r\n'),
    all,
  };
}

export function toBytes({ method, path, headers, body }: WireRequest): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  const hasLength = headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
  const length = hasLength || body === '' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n${body}`;
}

export async function open(server: Pick<Answering, 'connect'>): Promise<Socket> {
  const socket = server.connect();
  // The server may end the connection before it has read everything.
  socket.on('error', () => undefined);
  await once(socket, 'encrypted' in socket ? 'secureConnect' : 'connect');
  return socket;
}

/**
 * Sends the bytes unchanged and returns everything that comes back, until the server ends the
 * connection.
 */
export async function talk(server: Answering, bytes: string | Buffer): Promise<Heard> {
  const socket = await open(server);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    // A terminal would stay open.
    if (chunks[0]?.subarray(0, 12).toString() === 'HTTP/1.1 101') socket.destroy();
  });
  socket.write(bytes);
  const limit = setTimeout(() => socket.destroy(new Error('no end')), GIVE_UP_MS);
  const ended = once(socket, 'close');
  const hasEnded = await Promise.race([ended.then(() => true), delay(GIVE_UP_MS - 1_000, false)]);
  clearTimeout(limit);
  const heard = parse(Buffer.concat(chunks).toString('latin1'));
  assert.ok(hasEnded, `the connection is still open after ${heard.all}`);
  await server.whenLeft();
  return heard;
}

export const without = (request: WireRequest, ...names: readonly string[]): WireRequest => ({
  ...request,
  headers: request.headers.filter(([name]) => !names.includes(name)),
});

export const withHeader = (request: WireRequest, name: string, value: string): WireRequest => ({
  ...without(request, name),
  headers: [...without(request, name).headers, [name, value]],
});

export const also = (request: WireRequest, name: string, value: string): WireRequest => ({
  ...request,
  headers: [...request.headers, [name, value]],
});

export const at = (request: WireRequest, path: string): WireRequest => ({ ...request, path });

export const withFirst = (request: WireRequest, name: string, value: string): WireRequest => ({
  ...request,
  headers: [[name, value], ...request.headers],
});

export const renamed = (request: WireRequest, from: string, to: string): WireRequest =>
  withHeader(without(request, from), to, tokenOf(request));

export function tokenOf({ headers }: WireRequest): string {
  return headers.find(([name]) => name === 'Authorization')?.[1] ?? '';
}
