import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isRecord, type FakeRequest, type Reply } from './exchange.ts';
import type { Interceptions } from './interceptions.ts';
import { boundaryOf } from './multipart.ts';
import { receiveBody } from './received-body.ts';
import type { Route, Router } from './router.ts';
import type { FakeAnswer, FakeGitLabOptions, RecordedRequest } from './types.ts';

/**
 * The server keeps an idle connection longer than any runner does, and so does nginx before a real
 * GitLab.
 */
const KEEP_ALIVE_MS = 120_000;

export interface HttpServer {
  readonly port: number;
  readonly requests: readonly RecordedRequest[];
  close(): Promise<void>;
}

export interface HttpServerOptions {
  readonly listen: Pick<FakeGitLabOptions, 'host' | 'port' | 'tls'>;
  readonly router: Router;
  readonly interceptions: Interceptions;
  /** This function is called about a fault of the fake itself, which must never be ignored. */
  readonly onFault: (request: FakeRequest, error: unknown) => void;
}

type MutableRecord = { -readonly [Key in keyof RecordedRequest]: RecordedRequest[Key] };

/**
 * Reads whole requests, records them, asks the interceptors, and sends the answers of the routes.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const requests: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(options.listen.tls);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', (message: IncomingMessage, response: ServerResponse) => {
    const record = startRecord(message);
    requests.push(record);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    // This fails only when a runner closes the connection too early, and then nobody waits for an
    // answer.
    serve({ message, response, record, signal: gone.signal }, options).catch(() =>
      message.destroy(),
    );
  });
  server.listen(options.listen.port, options.listen.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function createServer(tls: FakeGitLabOptions['tls']): Server {
  const options = { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 };
  if (tls === undefined) return createHttpServer(options);
  return createHttpsServer({ ...options, cert: tls.certPem, key: tls.keyPem });
}

function startRecord({ method = '', url = '', headers }: IncomingMessage): MutableRecord {
  const flat = Object.entries(headers).map(([name, value]) => [name, value?.toString()] as const);
  return {
    ...{ atMs: Date.now(), method, path: url, status: 0, body: undefined },
    headers: Object.fromEntries(flat),
  };
}

type ReplacingAnswer = Exclude<FakeAnswer, { readonly hold: unknown }>;

interface Exchange {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly record: MutableRecord;
  /** This signal aborts when the connection has ended, also after `close()`. */
  readonly signal: AbortSignal;
}

async function serve(exchange: Exchange, options: HttpServerOptions): Promise<void> {
  const request = await readRequest(exchange);
  const route = options.router.route(request.method, request.url.pathname);
  const { kind, jobId } = route;
  const { method, path, body } = request;
  const answer = options.interceptions.answerFor({ method, path, body, kind, jobId });
  if (answer !== undefined && 'hold' in answer) {
    await Promise.race([answer.hold, once(exchange.signal, 'abort')]);
    if (exchange.signal.aborted) return;
  }
  if (answer === undefined || 'hold' in answer) {
    await send(exchange, await carryOut(route, request, options));
    return;
  }
  if (answer.afterwards === true) {
    const reply = await carryOut(route, request, options);
    if (reply.body instanceof Readable) reply.body.destroy();
    reply.onLost?.();
  }
  await sendAnswer(exchange, answer);
}

async function readRequest({ message, record, signal }: Exchange): Promise<FakeRequest> {
  const contentType = record.headers['content-type'];
  const received = receiveBody(boundaryOf(contentType));
  for await (const chunk of message) received.add(chunk as Buffer);
  const { bytes: body, large } = received.end();
  const parsed = parseBody(contentType, body);
  record.body = parsed ?? body;
  const { method, path, headers } = record;
  const fields = isRecord(parsed) ? parsed : {};
  return { method, path, headers, body, large, fields, signal, url: new URL(path, 'http://fake') };
}

function parseBody(contentType: string | undefined, body: Buffer): unknown {
  if (contentType?.startsWith('application/json') !== true) return undefined;
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

async function carryOut(
  { handler }: Route,
  request: FakeRequest,
  { onFault }: HttpServerOptions,
): Promise<Reply> {
  try {
    return await handler(request);
  } catch (error) {
    if (!request.signal.aborted) onFault(request, error);
    return { status: 500, body: 'the fake GitLab has a bug' };
  }
}

async function sendAnswer(exchange: Exchange, answer: ReplacingAnswer): Promise<void> {
  if ('cut' in answer) {
    if (answer.cut === 'midway') await sendHalf(exchange);
    exchange.message.socket.destroy();
    return;
  }
  const { status, headers = {} } = answer;
  const body = typeof answer.body === 'function' ? answer.body() : answer.body;
  const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const reply: Reply = { status, headers: { ...type, ...headers } };
  await send(exchange, body === undefined ? reply : { ...reply, body });
}

/** Sends the head of an answer of two bytes, and the first byte. */
function sendHalf({ response }: Exchange): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '2' });
  return new Promise((resolve) => {
    response.write('{', () => resolve());
  });
}

async function send({ response, record, signal }: Exchange, reply: Reply): Promise<void> {
  const { status, headers = {}, body, onLost } = reply;
  if (signal.aborted) {
    onLost?.();
    return;
  }
  record.status = status;
  response.writeHead(status, { 'X-Request-Id': randomBytes(13).toString('hex'), ...headers });
  if (body instanceof Readable) {
    await pipeline(body, response);
    return;
  }
  response.end(body);
  await once(response, 'close');
  if (!response.writableFinished) onLost?.();
}
