import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { request, type Dispatcher } from 'undici';
import type { CacheCall, CacheDownload, CacheReply, CacheUpload } from '../../ports/cache-store.ts';
import { isDiskFullCode } from '../../domain/disk-full.ts';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { headerOf, saveBody } from '../http/body.ts';
import type { PresignedRequest, UploadPart } from './presigner.ts';
import { refusalFault } from './refusal.ts';

/** Source: gitlab-runner `commands/helpers/cache_client.go`. */
const HEADERS_TIMEOUT_MS = 30_000;

/** Streams files to and from presigned addresses. */
export interface Transfer {
  download(presigned: PresignedRequest, call: CacheDownload): Promise<CacheReply>;
  upload(presigned: PresignedRequest, call: CacheUpload): Promise<void>;
  /** Requests the first byte, because some addresses that allow GET do not allow HEAD. */
  has(presigned: PresignedRequest, call: CacheCall): Promise<boolean>;
}

export function createTransfer(open: () => Promise<Dispatcher>): Transfer {
  return {
    download: (presigned, call) =>
      limited(call, async (signal) => {
        const dispatcher = await open();
        const response = await ask(presigned, { method: 'GET', dispatcher, signal });
        return takeAnswer(response, { call, address: withoutQuery(presigned.url) });
      }),

    upload: (presigned, call) =>
      limited(call, async (signal) => {
        const { size } = await stat(call.file);
        const whole = { ...presigned, content: { startByte: 0, endByte: size } };
        for (const part of presigned.partsOf?.(size) ?? [whole]) {
          // The connections may have been replaced since the last part.
          await uploadPart(part, call, { dispatcher: await open(), signal });
        }
      }),

    has: (presigned, call) =>
      limited(call, async (signal) => {
        const dispatcher = await open();
        const headers = { ...presigned.headers, range: 'bytes=0-0' };
        const response = await ask(presigned, { method: 'GET', headers, dispatcher, signal });
        response.body.on('error', () => undefined).destroy();
        // An empty object has no first byte.
        return isGood(response) || response.statusCode === 416;
      }),
  };
}

async function uploadPart(
  part: UploadPart,
  { file, modifiedMs }: CacheUpload,
  connection: Pick<Options, 'dispatcher' | 'signal'>,
): Promise<void> {
  const { sizeBytes, body } = bodyOf(part.content, file);
  const headers = {
    ...part.headers,
    'content-type': 'application/octet-stream',
    'content-length': `${sizeBytes}`,
    'last-modified': new Date(modifiedMs).toUTCString(),
  };
  const response = await ask(part, { ...connection, method: 'PUT', headers, body }).finally(() =>
    body.destroy(),
  );
  if (!isGood(response)) throw await refusalFault(response);
  await response.body.dump();
}

function bodyOf(content: UploadPart['content'], file: string) {
  if (typeof content === 'string') {
    const bytes = Buffer.from(content);
    return { sizeBytes: bytes.byteLength, body: Readable.from([bytes]) };
  }
  const { startByte, endByte } = content;
  // The end of a stream is inclusive. An empty file has no byte to read, whatever the end.
  const body = createReadStream(file, { start: startByte, end: Math.max(startByte, endByte - 1) });
  return { sizeBytes: endByte - startByte, body };
}

/** Returns an address without its query, which contains the signature, for logs. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '');
}

interface Options {
  readonly method: 'GET' | 'PUT';
  readonly headers?: Record<string, string>;
  readonly body?: Readable;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
}

function ask(
  { url }: Pick<PresignedRequest, 'url'>,
  options: Options,
): Promise<Dispatcher.ResponseData> {
  return request(url, { ...options, headersTimeout: HEADERS_TIMEOUT_MS, bodyTimeout: 0 });
}

function isGood({ statusCode }: Dispatcher.ResponseData): boolean {
  return statusCode >= 200 && statusCode < 300;
}

async function takeAnswer(
  response: Dispatcher.ResponseData,
  { call, address }: { readonly call: CacheDownload; readonly address: string },
): Promise<CacheReply> {
  if (response.statusCode === 404) {
    await response.body.dump();
    return { kind: 'missing' };
  }
  if (!isGood(response)) throw await refusalFault(response);
  const modifiedMs = Date.parse(headerOf(response.headers, 'last-modified') ?? '') || 0;
  if (call.localModifiedMs !== undefined && modifiedMs <= call.localModifiedMs) {
    response.body.on('error', () => undefined).destroy();
    return { kind: 'up_to_date' };
  }
  await saveBody(response, call.file);
  return { kind: 'downloaded', modifiedMs, address };
}

/** Sends one request with its time limit. Errors do not contain the address. */
async function limited<T>(
  { signal, timeoutMs }: CacheCall,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    return await work(AbortSignal.any([signal, limit]));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TransientError || error instanceof FinalError) throw error;
    if (limit.aborted) {
      const text = `the cache server took longer than ${timeoutMs / 60_000} min`;
      throw new TransientError(text, { cause: error, from: 'cache' });
    }
    throw faultOf(error);
  }
}

const DISK_CODES = new Set(['EROFS', 'EACCES', 'EPERM', 'EIO', 'ENOENT']);

function faultOf(error: unknown): TransientError | FinalError {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  const words = message === '' ? code : message;
  return isDiskFullCode(code) || DISK_CODES.has(code)
    ? new FinalError(FailureType.RunnerSystem, `disk of the runner: ${words}`, { cause: error })
    : new TransientError(`cannot reach the cache server: ${words}`, {
        cause: error,
        from: 'cache',
      });
}
