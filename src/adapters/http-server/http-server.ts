import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Log } from '../../ports/index.ts';
import { isLoopback } from '../http/proxy.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import type { ListenAddress } from '../../domain/runner/listen-address.ts';
import { requestFault } from './request-fault.ts';
import { errorCode } from '../host/error-code.ts';

/** A request is a line and a few headers. */
const MAX_HEADER_BYTES = 8 * 1024;
const REQUEST_MS = 10_000;
const IDLE_MS = 5_000;
const MAX_CONNECTIONS = 64;

export interface HttpResponse {
  readonly status: number;
  readonly type: 'text' | 'json' | 'metrics' | 'profile';
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request, before its body was read. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** True: the request comes from this machine. */
  readonly isLocal: boolean;
  /** Reads the body, up to `maxBodyBytes`; undefined when it is longer. */
  readBody(): Promise<Buffer | undefined>;
}

export interface HttpServerOptions {
  /** The server's name in messages: `metrics server`. */
  readonly name: string;
  /** The setting that a person has to change when the address is not free. */
  readonly setting?: string;
  readonly host?: string | undefined;
  readonly port?: number;
  /** The path of a socket in the file system, which is used instead of an address. */
  readonly path?: string;
  readonly log: Log;
  /** Longer header lines are refused with 431. */
  readonly maxHeaderBytes?: number;
  readonly maxBodyBytes?: number;
  /** How long a request may take to arrive as a whole. Tests use a shorter time. */
  readonly requestMs?: number;
  answer(request: HttpRequest): Promise<HttpResponse>;
}

export interface OpenHttpServer {
  readonly port: number;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<HttpResponse['type'], string>> = {
  text: 'text/plain; charset=utf-8',
  json: 'application/json',
  metrics: 'text/plain; version=0.0.4; charset=utf-8',
  profile: 'application/json',
};

/**
 * Opens a server that answers requests within limits of size and time. It tells nothing about
 * itself when an answer fails. Throws InvalidConfig when it cannot listen at the address. For a
 * socket it throws the error of the system.
 */
export async function openHttpServer(options: HttpServerOptions): Promise<OpenHttpServer> {
  const server = createServer({
    maxHeaderSize: options.maxHeaderBytes ?? MAX_HEADER_BYTES,
    ...requestRules(options.requestMs ?? REQUEST_MS),
    keepAliveTimeout: IDLE_MS,
  });
  answerAll(server, (incoming, outgoing) => void answerSafely(incoming, outgoing, options));
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, options);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Returns the options of Node's servers that all our servers have in common. */
export function requestRules(requestMs: number) {
  return {
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: requestMs / 10,
    requireHostHeader: false, // `requestFault` checks it.
  };
}

/**
 * Answers each request, including one with an `Expect` header that Node itself would refuse,
 * because `requestFault` checks that header.
 */
export function answerAll(server: Server, answer: RequestListener): void {
  server.on('request', answer);
  server.on('checkExpectation', answer);
}

async function listen(server: Server, options: HttpServerOptions): Promise<void> {
  const { host, port = 0, path, setting = 'address' } = options;
  if (path === undefined) return listenAt(server, { host, port }, setting);
  server.listen({ path });
  await once(server, 'listening');
  server.on('error', () => undefined);
}

/**
 * Listens at the address. Throws InvalidConfig that names the setting when that is not possible.
 */
export async function listenAt(
  server: Server,
  { host, port }: ListenAddress,
  setting: string,
): Promise<void> {
  server.listen({ port, ...(host !== undefined && { host }) });
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = errorCode(error) ?? String(error);
    const place = `${host ?? '*'}:${port}`;
    throw new FinalError(
      FailureType.InvalidConfig,
      `${setting} "${place}" cannot be listened at (${code}): choose one that is free, or leave it out`,
    );
  }
  server.on('error', () => undefined);
}

async function answerSafely(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  options: HttpServerOptions,
): Promise<void> {
  const { method } = incoming;
  try {
    const request = requestOf(incoming, options);
    const response = typeof request === 'number' ? said(request) : await options.answer(request);
    // The unread rest of a body cannot be distinguished from the next request, so the connection
    // ends.
    send(outgoing, response, { method, isLast: hasBody(incoming) && !incoming.complete });
  } catch (error) {
    if (hasLeft(incoming, error)) return;
    options.log.error(`a request to the ${options.name} could not be answered`, { error });
    send(outgoing, said(500), { method, isLast: true });
  }
}

/**
 * Whether the client has left before its body had ended, or was sent away because it was too slow.
 */
function hasLeft({ complete }: IncomingMessage, error: unknown): boolean {
  return !complete && errorCode(error) === 'ECONNRESET';
}

function hasBody({ headers }: IncomingMessage): boolean {
  return 'content-length' in headers || 'transfer-encoding' in headers;
}

/** Returns the request, or the status of the refusal. */
function requestOf(
  incoming: IncomingMessage,
  { maxBodyBytes = 0 }: HttpServerOptions,
): HttpRequest | number {
  const fault = requestFault(incoming);
  if (fault !== undefined) return fault;
  const target = incoming.url ?? '';
  if (!target.startsWith('/')) return 400;
  // The path is not normalised, because a proxy that allows only `/x/` would also pass
  // `/x/../decode`.
  const [path = '', ...query] = target.split('?');
  return {
    method: incoming.method ?? '',
    path,
    query: new URLSearchParams(query.join('?')),
    headers: incoming.headers,
    isLocal: isLocal(incoming.socket.remoteAddress),
    readBody: () => readBody(incoming, maxBodyBytes),
  };
}

/** Reads the body. Throws when the client leaves before its end. */
async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) return undefined;
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  // Otherwise leaving the loop early would end the connection before its answer.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    const bytes = chunk as Buffer;
    lengthBytes += bytes.byteLength;
    if (lengthBytes > maxBytes) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/**
 * Whether the address is this machine's. A server of both families sees IPv4 addresses as
 * `::ffff:…`.
 */
function isLocal(address: string | undefined): boolean {
  return address !== undefined && isLoopback(address.replace(/^::ffff:/, ''));
}

/** The text of an answer that is only a status. */
export const STATUS_WORDS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  423: 'Locked',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Creates an answer that is only a status. */
export function said(status: number, headers: HttpResponse['headers'] = {}): HttpResponse {
  return { status, type: 'text', body: `${STATUS_WORDS[status] ?? status}\n`, headers };
}

interface Sending {
  readonly method: string | undefined;
  readonly isLast: boolean;
}

function send(outgoing: ServerResponse, response: HttpResponse, { method, isLast }: Sending): void {
  if (outgoing.headersSent) return;
  const body = Buffer.from(response.body);
  outgoing.writeHead(response.status, {
    ...headersOf(TYPES[response.type], body.byteLength),
    ...(isLast && { Connection: 'close' }),
    ...response.headers,
  });
  outgoing.end(method === 'HEAD' ? undefined : body);
}

/**
 * Returns the headers of every answer: type, length, and that nobody may store it or guess its
 * type.
 */
export function headersOf(type: string, lengthBytes: number) {
  return {
    'Content-Type': type,
    'Content-Length': lengthBytes,
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
  };
}
