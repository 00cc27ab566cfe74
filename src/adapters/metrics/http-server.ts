import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Log } from '../../ports/index.ts';
import { isLoopback } from '../http/proxy.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';

/** Nobody has anything to say here: a scrape is a line and a few headers. */
const MAX_HEADER_BYTES = 8 * 1024;
const REQUEST_MS = 10_000;
const IDLE_MS = 5_000;
const MAX_CONNECTIONS = 64;

export interface Answer {
  readonly status: number;
  readonly type: 'text' | 'json' | 'metrics' | 'profile';
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is answered at one path. `isLocal`: the question comes from this very machine. */
export type Route = (
  query: URLSearchParams,
  from: { readonly isLocal: boolean },
) => Promise<Answer>;

export interface HttpServerOptions {
  readonly host?: string | undefined;
  readonly port?: number;
  /** A socket in the file system instead. */
  readonly path?: string;
  readonly routes: Readonly<Record<string, Route>>;
  readonly log: Log;
}

export interface OpenHttpServer {
  readonly port: number;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<Answer['type'], string>> = {
  text: 'text/plain; charset=utf-8',
  json: 'application/json',
  metrics: 'text/plain; version=0.0.4; charset=utf-8',
  profile: 'application/json',
};

/**
 * Answers GET and HEAD at the given paths, and says nothing of itself elsewhere. Fails with
 * InvalidConfig when the address cannot be listened at, and as the system does for a socket.
 */
export async function openHttpServer(options: HttpServerOptions): Promise<OpenHttpServer> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => void answerSafely(request, response, options),
  );
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

async function listen(server: Server, { host, port, path }: HttpServerOptions): Promise<void> {
  server.listen(path === undefined ? { port, ...(host !== undefined && { host }) } : { path });
  try {
    await once(server, 'listening');
  } catch (error) {
    if (path !== undefined) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const place = `${host ?? '*'}:${port}`;
    throw new FinalError(
      FailureType.InvalidConfig,
      `listen_address "${place}" cannot be listened at (${code}): choose one that is free, or leave it out`,
    );
  }
  server.on('error', () => undefined);
}

async function answerSafely(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions,
): Promise<void> {
  try {
    // A body is of no use to anybody here: the connection ends with the answer.
    const hasBody = 'content-length' in request.headers || 'transfer-encoding' in request.headers;
    send(response, await answer(request, options), { method: request.method, hasBody });
  } catch (error) {
    options.log.error('a question to the metrics server could not be answered', { error });
    send(response, said(500), { method: request.method, hasBody: true });
  }
}

async function answer(request: IncomingMessage, { routes }: HttpServerOptions): Promise<Answer> {
  const target = request.url ?? '';
  if (!target.startsWith('/') || !URL.canParse(target, 'http://host')) return said(400);
  const { pathname, searchParams } = new URL(target, 'http://host');
  const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
  if (route === undefined) return said(404);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { ...said(405), headers: { Allow: 'GET, HEAD' } };
  }
  return route(searchParams, { isLocal: isLocal(request.socket.remoteAddress) });
}

/** A server of both families sees IPv4 addresses as `::ffff:…`. */
function isLocal(address: string | undefined): boolean {
  return address !== undefined && isLoopback(address.replace(/^::ffff:/, ''));
}

const WORDS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  500: 'Internal Server Error',
};

/** An answer that is nothing but its status. */
export function said(status: number): Answer {
  return { status, type: 'text', body: `${WORDS[status] ?? status}\n` };
}

interface Sending {
  readonly method: string | undefined;
  readonly hasBody: boolean;
}

function send(response: ServerResponse, answer: Answer, { method, hasBody }: Sending): void {
  if (response.headersSent) return;
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    'Content-Type': TYPES[answer.type],
    'Content-Length': body.byteLength,
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    ...(hasBody && { Connection: 'close' }),
    ...answer.headers,
  });
  response.end(method === 'HEAD' ? undefined : body);
}
