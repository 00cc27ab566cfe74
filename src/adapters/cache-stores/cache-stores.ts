import type { Dispatcher } from 'undici';
import { errorMessage } from '../../domain/error-message.ts';
import type { CacheCall, CacheStore } from '../../ports/cache-store.ts';
import type { Log } from '../../ports/index.ts';
import { storeKindOf, type CacheConfig } from '../../domain/runner/cache-config.ts';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { createAzurePresigner } from './azure.ts';
import { createGcsPresigner } from './gcs.ts';
import type { PresignedRequest, Presigner, PresignRequest } from './presigner.ts';
import { createS3Presigner } from './s3.ts';
import { createTransfer } from './transfer.ts';
import { leaveOn } from '../host/leave-on.ts';
import { openOutbound } from '../http/outbound.ts';

export interface CacheStoreOptions {
  readonly cache: CacheConfig;
  readonly log: Log;
  /** Source of HTTP_PROXY and the related variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Files with certificates to trust besides those of the machine. Missing files are ignored. */
  readonly trustedFiles?: readonly string[];
  /** Makes the connections instead of the usual dispatcher. For tests. */
  readonly dispatcher?: Dispatcher;
}

/** A CacheStore with a method that closes its idle connections. The next call opens new ones. */
export interface ClosableCacheStore extends CacheStore {
  close(): Promise<void>;
}

/** Creates the store that `[runners.cache]` names; undefined when it names none. */
export function createCacheStore(options: CacheStoreOptions): ClosableCacheStore | undefined {
  const { dispatcher } = options;
  const usual = openConnections(options);
  const connections = () => (dispatcher ? Promise.resolve(dispatcher) : usual.current());
  const presigner = createPresigner(options, connections);
  if (presigner === undefined) return undefined;
  const transfer = createTransfer(connections);
  const presign = (request: PresignRequest, call: CacheCall) =>
    presignSafely(presigner, request, call);
  return {
    download: async (object, call) =>
      transfer.download(await presign({ method: 'GET', object, metadata: {} }, call), call),
    upload: async (object, call) => {
      const { metadata } = call;
      return transfer.upload(await presign({ method: 'PUT', object, metadata }, call), call);
    },
    has: async (object, call) =>
      transfer.has(await presign({ method: 'GET', object, metadata: {} }, call), call),
    close: usual.close,
  };
}

function createPresigner(
  { cache, log }: CacheStoreOptions,
  connections: () => Promise<Dispatcher>,
): Presigner | undefined {
  switch (storeKindOf(cache)) {
    case 's3':
      return createS3Presigner(cache.s3, { log, connections });
    case 'gcs':
      return createGcsPresigner(cache);
    case 'azure':
      return createAzurePresigner(cache.azure);
    case undefined:
      return undefined;
  }
}

/**
 * Turns every failure to sign into a FinalError, because another try would not help. Some clients
 * request credentials first, and offer no way to abort that, so the request is abandoned on abort.
 */
async function presignSafely(
  presigner: Presigner,
  request: PresignRequest,
  { signal, timeoutMs }: CacheCall,
): Promise<PresignedRequest> {
  const limit = AbortSignal.timeout(Math.min(timeoutMs, MAX_SIGNING_MS));
  try {
    return await leaveOn(AbortSignal.any([signal, limit]), presigner.presign(request));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FinalError || error instanceof TransientError) throw error;
    if (limit.aborted) {
      throw new TransientError(
        'no address for the cache can be signed: no credentials came in time',
      );
    }
    const words = errorMessage(error);
    const message = `no address for the cache can be signed: ${words.slice(0, MAX_WORDS_CHARS)}`;
    throw new FinalError(FailureType.RunnerConfiguration, message, { cause: error });
  }
}

const MAX_SIGNING_MS = 60_000;
const MAX_WORDS_CHARS = 500;

/** Connections are replaced after this time, so that changed certificates are noticed. */
const MAX_AGE_MS = 5 * 60_000;
const CONNECT_MS = 30_000;

interface Connections {
  current(): Promise<Dispatcher>;
  close(): Promise<void>;
}

/**
 * Opens the connections when they are first needed, and replaces them after a while. Transfers in
 * progress continue.
 */
function openConnections({ env, trustedFiles }: CacheStoreOptions): Connections {
  let held: { readonly dispatcher: Promise<Dispatcher>; readonly atMs: number } | undefined;
  const open = () => openOutbound(env, { trustedFiles, connectMs: CONNECT_MS });
  // The end of the old connections is not awaited, because transfers in progress may last long.
  const letGo = (): void => {
    held?.dispatcher.then((old) => old.close()).catch(() => undefined);
    held = undefined;
  };
  return {
    current: () => {
      if (held !== undefined && performance.now() - held.atMs > MAX_AGE_MS) letGo();
      held ??= { dispatcher: open(), atMs: performance.now() };
      return held.dispatcher;
    },
    close: () => {
      letGo();
      return Promise.resolve();
    },
  };
}
