import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import ky, { type Options } from 'ky';
import type { ApiAnswer, Log } from '../../ports/index.ts';
import type { ProgramInfo } from '../../domain/context/context.ts';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { apiBaseUrl, judgeRedirect, urlFault } from '../../domain/runner/api-url.ts';
import { userAgent } from '../../domain/context/info.ts';
import { inTries } from '../../domain/tries.ts';
import { readCapped } from '../http/body.ts';
import { createAnswerRetries } from './answer-retries.ts';
import { describeFault } from './faults.ts';
import type { TlsSource } from './tls-files.ts';
import { streamTo, type StreamRequest } from './stream-request.ts';
import {
  createTransportSource,
  DEFAULT_TIMEOUTS,
  type Environment,
  type Timeouts,
  type Transport,
  type TransportSource,
} from './transport.ts';

// Only this file uses ky. Every call to GitLab goes through `send`, and through ky unless its body
// is large.

const MAX_REDIRECTS = 5;
/** Below this size a copy of the body costs nothing. */
const LARGE_BODY_BYTES = 64 * 1024;
/** This is enough for any answer except a job. */
const DEFAULT_BODY_LIMIT_BYTES = 1024 * 1024;
/** How long to read the body of an answer whose status is all that matters. */
const IDLE_TALK_MS = 10_000;

export interface ApiOptions extends Omit<TlsSource, 'baseUrl'> {
  readonly url: string;
  readonly program: ProgramInfo;
  readonly env: Environment;
  readonly log: Log;
  readonly timeouts: Partial<Timeouts> | undefined;
  /** Called after every try, with its answer or without one. */
  readonly onTry?: ((answer: ApiAnswer) => void) | undefined;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path below `api/v4/`, with its query. */
  readonly path: string;
  /** Where the request goes when that is not below the API's own address. */
  readonly address?: URL;
  readonly token: {
    readonly header: 'RUNNER-TOKEN' | 'JOB-TOKEN';
    readonly value: string;
  };
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: ApiContent;
  /** True: redirects are returned as answers. Otherwise safe redirects are followed. */
  readonly takesRedirects?: boolean;
  /** Aborts the request, and the waits between its tries. */
  readonly signal?: AbortSignal;
  /** True: the answer's body is JSON and needed. False: only its status and headers are. */
  readonly wantsJson: boolean;
  readonly bodyLimitBytes?: number;
  /** The longest total wait between tries, in milliseconds. */
  readonly waitBudgetMs: number;
  readonly requestMs?: number;
}

export type ApiContent =
  | { readonly type: string; readonly bytes: Uint8Array }
  /**
   * Created again for each try. It is sent without a length and never held in memory as a whole.
   */
  | { readonly type: string; readonly stream: () => AsyncIterable<Uint8Array> };

export interface ApiReply {
  readonly status: number;
  readonly headers: Headers;
  /** The part of the body that was read, never more than the limit. */
  readonly body: Uint8Array;
  readonly correlationId: string;
  /** The pause that GitLab has asked for, when nobody has waited for it yet. */
  readonly retryAfterMs: number | undefined;
  readonly transport: Transport;
}

export interface Api {
  /**
   * Sends a request, tries again when the status allows it, and returns the last answer of any
   * status. Throws TransientError when there is no answer, and FinalError(RunnerConfiguration) for
   * an unusable URL.
   */
  send(request: ApiRequest): Promise<ApiReply>;
  close(): Promise<void>;
}

interface Connected {
  readonly baseUrl: URL;
  readonly transports: TransportSource;
  readonly timeouts: Timeouts;
  readonly userAgent: string;
  readonly onTry: ApiOptions['onTry'];
}

export function createApi(options: ApiOptions): Api {
  const connected = connect(options);
  return {
    send: async (request) => {
      if (connected === undefined) throw unusableUrl(options.url);
      return sendWithRetries(request, connected, options);
    },
    close: async () => connected?.transports.close(),
  };
}

/** Returns the error of a call of a runner whose `url` cannot be used. */
export function unusableUrl(url: string): FinalError {
  const fault = urlFault(url) ?? `is "${url}", which is malformed`;
  return new FinalError(FailureType.RunnerConfiguration, `the "url" of the runner ${fault}`);
}

function connect(options: ApiOptions): Connected | undefined {
  const base = apiBaseUrl(options.url);
  if (base === undefined || !URL.canParse(base)) return undefined;
  const baseUrl = new URL(base);
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  return {
    baseUrl,
    timeouts,
    onTry: options.onTry,
    transports: createTransportSource({ ...options, baseUrl, timeouts }),
    userAgent: userAgent(options.program, `node${process.versions.node}`),
  };
}

async function sendWithRetries(
  request: ApiRequest,
  connected: Connected,
  { log }: ApiOptions,
): Promise<ApiReply> {
  const retries = createAnswerRetries<ApiReply>(request.waitBudgetMs, ({ status, headers }) => ({
    status,
    header: (name) => headers.get(name),
  }));
  const reply = await inTries(() => sendOnce(request, connected), {
    nextMs: retries.nextMs,
    pause: (ms) => {
      log.debug('GitLab is asked again after a wait', {
        method: request.method,
        path: pathOnly(request),
        wait_ms: Math.round(ms),
      });
      return wasWaited(ms, request.signal);
    },
  });
  return { ...reply, retryAfterMs: retries.askedMs() };
}

/** Waits. Returns false when the signal aborts before. */
async function wasWaited(waitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    return await delay(waitMs, true, { signal });
  } catch (error) {
    if (signal?.aborted === true) return false;
    throw error;
  }
}

async function sendOnce(request: ApiRequest, connected: Connected): Promise<ApiReply> {
  const { method, path } = request;
  const beganMs = performance.now();
  let status: number | undefined;
  try {
    const reply = await tryOnce(request, connected);
    ({ status } = reply);
    return reply;
  } finally {
    connected.onTry?.({ method, path, status, durationMs: performance.now() - beganMs });
  }
}

async function tryOnce(request: ApiRequest, connected: Connected): Promise<ApiReply> {
  const requestId = randomUUID().replaceAll('-', '');
  const limit = new AbortController();
  const limitMs = Math.min(request.requestMs ?? Infinity, connected.timeouts.requestMs);
  const timer = setTimeout(() => limit.abort(new Error(`no answer in ${limitMs} ms`)), limitMs);
  try {
    // This also fails when a proxy's address is malformed.
    const transport = await connected.transports.current();
    const response = await exchange(request, {
      connected,
      transport,
      requestId,
      signal: AbortSignal.any([limit.signal, ...(request.signal ? [request.signal] : [])]),
    });
    const body = await readBody(response, request, connected.timeouts);
    return {
      status: response.status,
      headers: response.headers,
      body,
      correlationId: response.headers.get('X-Request-Id') || requestId,
      retryAfterMs: undefined,
      transport,
    };
  } catch (error) {
    throw asTransient(error, request, connected);
  } finally {
    clearTimeout(timer);
  }
}

interface Exchange {
  readonly connected: Connected;
  readonly transport: Transport;
  readonly requestId: string;
  readonly signal: AbortSignal;
}

/** Sends one request, and follows 307 and 308. */
async function exchange(request: ApiRequest, context: Exchange): Promise<Response> {
  let url = addressOf(request, context.connected);
  for (let redirects = 0; ; redirects++) {
    const response = await sendTo(url, request, context);
    const isRedirect = response.status >= 300 && response.status < 400 && response.status !== 304;
    if (!isRedirect || request.takesRedirects === true) return response;
    await response.body?.cancel();
    const to = locationOf(response, url);
    const verdict = judgeRedirect({ status: response.status, from: url, to });
    const shown = to === undefined ? '' : ` (${to.origin}${to.pathname})`;
    if (verdict.kind === 'refuse') {
      throw new TransientError(
        `GitLab redirects ${verdict.reason}${shown}: set url in config.toml to where it really is`,
        { from: 'gitlab', status: response.status },
      );
    }
    if (redirects >= MAX_REDIRECTS) {
      throw new TransientError(`GitLab redirects more than ${MAX_REDIRECTS} times${shown}`, {
        from: 'gitlab',
        status: response.status,
      });
    }
    url = new URL(verdict.url);
  }
}

function sendTo(url: URL, request: ApiRequest, context: Exchange): Promise<Response> {
  const { method } = request;
  const body = largeBody(request);
  if (body === undefined) return ky(url.href, kyOptions(request, context));
  const { transport, signal } = context;
  const { dispatcher } = transport;
  const headers = headersOf(request, context);
  return streamTo(url, { dispatcher, method, headers, signal, body });
}

function largeBody({ content }: ApiRequest): StreamRequest['body'] | undefined {
  if (content === undefined) return undefined;
  if (!('bytes' in content)) return content.stream();
  return content.bytes.byteLength > LARGE_BODY_BYTES ? content.bytes : undefined;
}

function headersOf(
  { content, token, wantsJson, headers }: ApiRequest,
  { connected, requestId }: Exchange,
): Record<string, string> {
  return {
    'User-Agent': connected.userAgent,
    'X-Request-Id': requestId,
    [token.header]: token.value,
    ...(wantsJson && { Accept: 'application/json' }),
    ...(content !== undefined && { 'Content-Type': content.type }),
    ...headers,
  };
}

function kyOptions(request: ApiRequest, context: Exchange): Options {
  const { content } = request;
  const options = {
    method: request.method,
    headers: headersOf(request, context),
    ...(content !== undefined && 'bytes' in content && { body: content.bytes }),
    signal: context.signal,
    redirect: 'manual',
    // Statuses are judged in one place, and GitLab decides the pauses.
    retry: 0,
    timeout: false,
    throwHttpErrors: false,
    dispatcher: context.transport.dispatcher,
  };
  // `dispatcher` is an option of undici, which ky passes on but does not declare.
  return options as unknown as Options;
}

function locationOf(response: Response, from: URL): URL | undefined {
  const location = response.headers.get('Location');
  return location !== null && URL.canParse(location, from.href)
    ? new URL(location, from)
    : undefined;
}

/**
 * Reads the body. A needed body must be complete. Any other may be cut off, because the status is
 * enough.
 */
async function readBody(
  response: Response,
  request: ApiRequest,
  { bodyMs }: Timeouts,
): Promise<Uint8Array> {
  const wantedBytes = response.ok ? request.bodyLimitBytes : undefined;
  const limitBytes = wantedBytes ?? DEFAULT_BODY_LIMIT_BYTES;
  const isWanted = request.wantsJson && response.ok;
  const limitMs = isWanted ? bodyMs : Math.min(bodyMs, IDLE_TALK_MS);
  const capped = await readCapped(response.body, { limitBytes, limitMs });
  if (capped.fault !== undefined && isWanted) throw capped.fault;
  return capped.bytes;
}

function addressOf({ path, address }: ApiRequest, { baseUrl }: Connected): URL {
  return address ?? new URL(path, baseUrl);
}

function asTransient(error: unknown, request: ApiRequest, connected: Connected): Error {
  if (error instanceof FinalError) return error;
  const { origin, pathname } = addressOf(request, connected);
  const what = `${request.method} ${origin}${pathname}`;
  const why = describeFault(error, [request.token.value]);
  // The error has no cause, because the cause may quote headers and so tokens.
  return new TransientError(`${what} failed: ${why}`, { from: 'gitlab' });
}

function pathOnly({ path }: ApiRequest): string {
  return path.split('?', 1)[0] ?? '';
}
