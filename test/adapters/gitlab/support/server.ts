import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { takeBody } from '../../../support/take-body.ts';

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** The body as JSON. */
  json(): Record<string, unknown>;
}

export type Answer = (response: ServerResponse, request: Recorded) => void;

export interface ScriptedServer {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly Recorded[];
  /** Sockets accepted so far. */
  readonly connections: readonly Socket[];
  /** Answers in order. The last one is repeated. */
  answer(...answers: Answer[]): void;
  /** Resolves when the head of the next request has arrived. */
  nextHead(): Promise<unknown>;
  close(): Promise<void>;
}

/** A server with given answers that records all requests. */
export async function startServer(tls?: ServerOptions): Promise<ScriptedServer> {
  const requests: Recorded[] = [];
  const connections: Socket[] = [];
  let answers: Answer[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    takeBody(request, (body) => {
      const recorded = recordOf(request, body);
      requests.push(recorded);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer === undefined) throw new Error('the scripted server has no answer');
      answer(response, recorded);
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on('connection', (socket: Socket) => connections.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    ...{ port, requests, connections },
    answer: (...given) => (answers = given),
    nextHead: () => once(server, 'request'),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function recordOf(request: IncomingMessage, body: Buffer): Recorded {
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    body,
    json: () => JSON.parse(body.toString()) as Record<string, unknown>,
  };
}

/** Answers JSON. */
export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return (response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(JSON.stringify(value));
  };
}

/** Answers a status, headers, and a body as it is. */
export function plain(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: string | Buffer = '',
): Answer {
  return (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}
