import type { CacheAddress } from '../../domain/cache/address.ts';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { inTries, upTo, type TryEnd, type TryLimits } from '../../domain/tries.ts';
import { print, type CacheContext } from './cache-context.ts';
import type { CacheCall, CacheReply, CacheStore } from '../../ports/cache-store.ts';

/** Source: gitlab-runner `commands/helpers/retry_helper.go`. */
const TRIES: TryLimits = { most: 3, pauseMs: 1_000 };
const USUAL_TIMEOUT_MINUTES = 10;
const MAX_TIMEOUT_MINUTES = 24 * 60;

/** The runner's store and the object of one cache. */
export interface RemoteCache {
  readonly store: CacheStore;
  readonly objectName: string;
  readonly otherObjectName: string | undefined;
}

export function remoteOf(
  { build, ports }: CacheContext,
  { objectName, otherObjectName }: CacheAddress,
): RemoteCache | undefined {
  const store = ports.cacheStore(build.context.runner);
  return store && objectName !== undefined ? { store, objectName, otherObjectName } : undefined;
}

export interface DownloadOptions {
  readonly file: string;
  readonly localModifiedMs: number | undefined;
}

/**
 * Downloads the object. If it is missing or refused, downloads the object that the opposite value
 * of FF_HASH_CACHE_KEYS names. S3 refuses a missing object when the key may not list the bucket.
 * Source: gitlab-runner `commands/helpers/cache_extractor.go` (selectPresignedURL).
 */
export async function downloadCache(
  context: CacheContext,
  { store, objectName, otherObjectName }: RemoteCache,
  options: DownloadOptions,
): Promise<CacheReply> {
  const ask = (object: string): Promise<CacheReply | FinalError> =>
    withTries(context, () => store.download(object, { ...callOf(context), ...options })).catch(
      returnRefusal,
    );
  const first = await ask(objectName);
  const other =
    isFound(first) || otherObjectName === undefined ? undefined : await ask(otherObjectName);
  const reply = other !== undefined && isFound(other) ? other : first;
  if (reply instanceof FinalError) throw reply;
  return reply;
}

function isFound(reply: CacheReply | FinalError): boolean {
  return !(reply instanceof FinalError) && reply.kind !== 'missing';
}

/** Returns the fault when the store has answered with it. Throws all others. */
function returnRefusal(error: unknown): FinalError {
  const isRefusal =
    error instanceof FinalError &&
    error.type === FailureType.ExternalDependency &&
    !(error.cause instanceof TransientError);
  if (!isRefusal) throw error;
  return error;
}

/** Whether an archive stays only on the node, because it exceeds the runner's limit. Says so. */
export async function isTooLarge(context: CacheContext, sizeBytes: number): Promise<boolean> {
  const limitBytes = context.build.context.runner.cache?.maxUploadedArchiveSizeBytes ?? 0;
  if (limitBytes <= 0 || sizeBytes <= limitBytes) return false;
  const text = `Cache archive size (${sizeBytes}) is too big (Limit is set to ${limitBytes}). Cache will be stored only locally.`;
  await print(context, 'plain', text);
  return true;
}

/** Uploads an archive unless it exceeds the runner's limit. */
export async function uploadCache(
  context: CacheContext,
  address: CacheAddress,
  archive: { readonly file: string; readonly sizeBytes: number; readonly modifiedMs: number },
): Promise<void> {
  const remote = remoteOf(context, address);
  if (remote === undefined) {
    const text =
      'No URL provided, cache will not be uploaded to shared cache server. Cache will be stored only locally.';
    return print(context, 'plain', text);
  }
  if (await isTooLarge(context, archive.sizeBytes)) return;
  const metadata = { cachekey: address.humanKey };
  const options = { ...archive, metadata };
  await print(context, 'plain', 'Uploading cache.zip to the cache server');
  await withTries(context, () =>
    remote.store.upload(remote.objectName, { ...callOf(context), ...options }),
  );
}

/** Returns false when it is not known. The archive may then be uploaded once more than needed. */
export async function isUploaded(context: CacheContext, remote: RemoteCache): Promise<boolean> {
  try {
    return await remote.store.has(remote.objectName, callOf(context));
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof FinalError || error instanceof TransientError)) throw error;
    const text = `Failed to check whether the cache is on the cache server, assuming it is not: ${error.message}`;
    await print(context, 'warning', text);
    return false;
  }
}

function callOf({ variables, signal }: CacheContext): CacheCall {
  const wanted = variables.integer('CACHE_REQUEST_TIMEOUT', USUAL_TIMEOUT_MINUTES);
  const minutes = wanted > 0 ? Math.min(wanted, MAX_TIMEOUT_MINUTES) : USUAL_TIMEOUT_MINUTES;
  return { timeoutMs: minutes * 60_000, signal };
}

/**
 * Retries a request. A fault that lasts for three tries is final for this cache, because no job
 * waits for a store.
 */
async function withTries<T>(context: CacheContext, request: () => Promise<T>): Promise<T> {
  const { ports, signal } = context;
  try {
    return await inTries(request, {
      nextMs: upTo(TRIES, (end) => faultOf(end) !== undefined),
      onRetry: (end, made) => {
        const why = `try ${made} of ${TRIES.most}: ${faultOf(end)?.message}`;
        return print(context, 'warning', `Retrying... (${why})`);
      },
      pause: (ms) => ports.clock.sleep(ms, signal).then(() => true),
    });
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    throw new FinalError(FailureType.ExternalDependency, error.message, { cause: error });
  }
}

function faultOf(end: TryEnd<unknown>): TransientError | undefined {
  return end.kind === 'failed' && end.error instanceof TransientError ? end.error : undefined;
}
