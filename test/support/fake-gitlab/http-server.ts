import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FakeAnswer, FakeGitLabOptions, RecordedRequest } from './types.ts';

/** A request with its whole body. */
export interface ServerRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** Aborts when the client has gone. */
  readonly gone: AbortSignal;
}

export interface ServerAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | Readable;
}

export interface HttpServerOptions extends Pick<FakeGitLabOptions, 'host' | 'port' | 'tls'> {
  /** Asked before each request; what it gives goes in place of the server's own answer. */
  readonly interceptor: (request: ServerRequest) => FakeAnswer | undefined;
  readonly handle: (request: ServerRequest) => Promise<ServerAnswer>;
}

export interface HttpServer {
  readonly port: number;
  readonly requests: readonly RecordedRequest[];
  close(): Promise<void>;
}

/** Serves, and keeps a record of every request and how it was answered. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const requests: RecordedRequest[] = [];
  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    answer(incoming, response).catch((error: unknown) => {
      process.stderr.write(`fake GitLab: ${String(error)}\n`);
      response.destroy();
    });
  };
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await readRequest(incoming, response);
    if (request === undefined) return;
    const intercepted = options.interceptor(request);
    const isInstead = intercepted !== undefined && intercepted.afterwards !== true;
    const own = isInstead ? undefined : await options.handle(request);
    const status = statusOf(intercepted, own);
    requests.push({ ...recorded(request), status });
    if (intercepted === undefined) return send(response, own ?? { status: 500 });
    if ('cut' in intercepted) response.destroy();
    else await send(response, intercepted);
  };
  const { tls } = options;
  const server =
    tls === undefined
      ? createServer(listener)
      : createTlsServer({ cert: tls.certPem, key: tls.keyPem }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function statusOf(intercepted: FakeAnswer | undefined, own: ServerAnswer | undefined): number {
  if (intercepted === undefined) return own?.status ?? 500;
  return 'cut' in intercepted ? 0 : intercepted.status;
}

async function readRequest(
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<ServerRequest | undefined> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch {
    return undefined; // the client has gone in the middle of its request
  }
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, `${value ?? ''}`]),
  );
  const { method = 'GET', url = '/' } = incoming;
  return { method, path: url, headers, body: Buffer.concat(chunks), gone: gone.signal };
}

function recorded({ method, path, headers, body }: ServerRequest): Omit<RecordedRequest, 'status'> {
  const isJson = headers['content-type']?.startsWith('application/json') === true;
  return { atMs: Date.now(), method, path, headers, body: isJson ? parseJson(body) : body };
}

/** undefined when it is none. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

async function send(response: ServerResponse, { status, headers, body }: ServerAnswer) {
  if (response.destroyed) return;
  response.writeHead(status, headers);
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) response.end(body);
  else await pipeline(body, response).catch(() => undefined); // the client has gone
}
