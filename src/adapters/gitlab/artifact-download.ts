import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { request, type Dispatcher } from 'undici';
import type {
  Coordinator,
  DownloadRequest,
  DownloadReply,
  JobCredentials,
} from '../../ports/index.ts';
import { isDiskFullCode } from '../../domain/disk-full.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { storageErrorOf } from '../../domain/runner/storage-error.ts';
import { apiBaseUrl, isMovedCall } from '../../domain/runner/api-url.ts';
import { errorTextOf, hideSecrets } from '../../domain/runner/answer-text.ts';
import { userAgent } from '../../domain/context/info.ts';
import { isJsonMediaType } from '../../domain/runner/reply-headers.ts';
import { inTries } from '../../domain/tries.ts';
import { headerOf, readCapped, saveBody } from '../http/body.ts';
import { createAnswerRetries } from './answer-retries.ts';
import { describeFault } from './faults.ts';
import { unusableUrl, type ApiOptions } from './http.ts';
import { createTransportSource, DEFAULT_TIMEOUTS, type TransportSource } from './transport.ts';
import { errorCode } from '../host/error-code.ts';

/** Go's client has the same limit. */
const MAX_REDIRECTS = 10;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** The longest total wait between the tries of one call. The caller handles longer waits. */
const WAIT_BUDGET_MS = 5_000;
const MAX_WORDS_BYTES = 64 * 1024;

type ArtifactDownload = Pick<Coordinator, 'downloadArtifact'> & { close(): void };

/**
 * Creates the call `GET /jobs/:id/artifacts`. The file comes from GitLab, or from the target of its
 * redirect.
 */
export function createArtifactDownload(options: ApiOptions): ArtifactDownload {
  const base = apiBaseUrl(options.url);
  const sources = new Map<string, TransportSource>();
  const sourceOf = (url: URL, isOwn: boolean): TransportSource => {
    const key = `${isOwn ? 'GitLab' : 'storage'} ${url.origin}`;
    const known = sources.get(key);
    if (known !== undefined) return known;
    const made = openSource(options, { url, isOwn });
    sources.set(key, made);
    return made;
  };
  return {
    downloadArtifact: async (job, request) => {
      if (base === undefined) throw unusableUrl(options.url);
      const own = new URL(base);
      const path = `jobs/${job.jobId}/artifacts${request.isDirect ? '?direct_download=true' : ''}`;
      const call: Call = { url: new URL(path, own), own, job, request, options, sourceOf };
      return download(call);
    },
    close: () => {
      for (const source of sources.values()) source.close();
      sources.clear();
    },
  };
}

/**
 * Opens the server of the file. An object store gets no client certificate; it only has to prove
 * its own identity.
 */
function openSource(
  options: ApiOptions,
  { url, isOwn }: { readonly url: URL; readonly isOwn: boolean },
): TransportSource {
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const certificates = isOwn ? {} : { tlsCertFile: undefined, tlsKeyFile: undefined };
  return createTransportSource({ ...options, ...certificates, baseUrl: url, timeouts });
}

interface Call {
  readonly url: URL;
  /** Base of GitLab's own API. */
  readonly own: URL;
  readonly job: JobCredentials;
  readonly request: DownloadRequest;
  readonly options: ApiOptions;
  readonly sourceOf: (url: URL, isOwn: boolean) => TransportSource;
}

async function download(call: Call): Promise<DownloadReply> {
  const correlationId = randomUUID().replaceAll('-', '');
  try {
    const answer = await answerOf(call, correlationId);
    return await take(answer, call);
  } catch (error) {
    call.request.signal.throwIfAborted();
    if (error instanceof FinalError) throw error;
    const said = describeFault(error, [call.job.token]);
    return { kind: 'unreachable', status: 0, said, correlationId, host: call.url.host };
  }
}

interface Answer {
  readonly response: Dispatcher.ResponseData;
  /** The final address. */
  readonly url: URL;
  readonly correlationId: string;
  readonly retryAfterMs?: number | undefined;
}

/**
 * Tries again when the status allows it, like any other call. A direct download is tried only once.
 */
async function answerOf(call: Call, requestId: string): Promise<Answer> {
  const { isDirect, signal } = call.request;
  const budgetMs = isDirect ? 0 : WAIT_BUDGET_MS;
  const { nextMs, askedMs } = createAnswerRetries<Answer>(budgetMs, ({ response }) => ({
    status: response.statusCode,
    header: (name) => headerOf(response.headers, name),
  }));
  const answer = await inTries(() => follow(call, requestId), {
    nextMs,
    onRetry: async (end) => {
      if (end.kind === 'answered') await end.value.response.body.dump();
    },
    pause: (ms) => delay(ms, true, { signal }),
  });
  return { ...answer, retryAfterMs: askedMs() };
}

/** Invariant: the job's token goes to GitLab only, also where GitLab has moved the call to. */
async function follow(call: Call, requestId: string): Promise<Answer> {
  let { url } = call;
  let ownOrigin = call.own.origin;
  for (let redirects = 0; ; redirects++) {
    const isOwn = url.origin === ownOrigin;
    const { dispatcher } = await call.sourceOf(url, isOwn).current();
    const response = await request(url, {
      dispatcher,
      signal: call.request.signal,
      headers: {
        'User-Agent': userAgent(call.options.program, `node${process.versions.node}`),
        ...(isOwn && { 'X-Request-Id': requestId, 'JOB-TOKEN': call.job.token }),
      },
    });
    if (!REDIRECTS.includes(response.statusCode)) {
      const correlationId = headerOf(response.headers, 'x-request-id') ?? requestId;
      return { response, url, correlationId: isOwn ? correlationId : requestId };
    }
    const location = headerOf(response.headers, 'location');
    await response.body.dump();
    if (redirects >= MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`);
    const target = targetOf(location, url);
    if (isOwn && isMovedCall(url, target)) ownOrigin = target.origin;
    url = target;
  }
}

function targetOf(location: string | null, from: URL): URL {
  const to = URL.canParse(location ?? '', from.href) ? new URL(location ?? '', from) : undefined;
  const isUsable = location !== null && ['http:', 'https:'].includes(to?.protocol ?? '');
  if (to === undefined || !isUsable) throw new Error('GitLab redirects without an address');
  return to;
}

async function take(end: Answer, call: Call): Promise<DownloadReply> {
  const { response, url, correlationId, retryAfterMs } = end;
  const status = response.statusCode;
  const answer = { status, correlationId, host: url.host };
  const line = `${status} ${STATUS_CODES[status] ?? ''}`.trim();
  if (status === 200) {
    await writeBody(response, call.request);
    return { kind: 'done', ...answer, said: line };
  }
  const words = await wordsOf(response, call.job.token);
  switch (status) {
    case 401:
      return { kind: 'unauthorized', ...answer, said: line };
    case 403:
      return { kind: 'forbidden', ...answer, said: words ?? line };
    case 404:
      return { kind: 'not_found', ...answer, said: line };
    default:
      return { kind: 'failed', ...answer, said: line, ...(status === 429 && { retryAfterMs }) };
  }
}

async function writeBody(
  response: Dispatcher.ResponseData,
  { file }: DownloadRequest,
): Promise<void> {
  try {
    await saveBody(response, file);
  } catch (error) {
    throw isOfDisk(error) ? writeFault(error, file) : error;
  }
}

/** Whether the disk has failed. Only faults of the network are tried again. */
function isOfDisk(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  return isDiskFullCode(code) || ['EROFS', 'EIO', 'EFBIG'].includes(code);
}

function writeFault(error: unknown, file: string): FinalError {
  const code = errorCode(error) ?? 'unknown fault';
  const advice = isDiskFullCode(code) ? ': the disk is full, make room on it' : '';
  return new FinalError(FailureType.RunnerSystem, `cannot write ${file} (${code})${advice}`, {
    cause: error,
  });
}

/**
 * Returns the message of GitLab, or of an object store in its XML, about a refusal. It is one line,
 * without secrets.
 */
async function wordsOf(
  { body, headers }: Dispatcher.ResponseData,
  token: string,
): Promise<string | undefined> {
  const { bytes } = await readCapped(body, { limitBytes: MAX_WORDS_BYTES });
  const text = Buffer.from(bytes).toString();
  const type = headerOf(headers, 'content-type');
  if (!isJsonMediaType(type)) {
    const said = storageErrorOf(text);
    return said === undefined ? undefined : hideSecrets(said, [token]);
  }
  try {
    const said = errorTextOf({ status: 0, json: JSON.parse(text) as unknown }, [token]);
    return said.startsWith('status 0: ') ? said.slice('status 0: '.length) : undefined;
  } catch {
    return undefined;
  }
}
