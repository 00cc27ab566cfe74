import {
  createCacheStore,
  type CacheStoreOptions,
  type ClosableCacheStore,
} from '../../adapters/cache-stores/cache-stores.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import { mountedCaFiles, proxyEnvironment } from '../../domain/runner/outbound.ts';

/**
 * Opens the cache store of an entry. The node transfers the caches instead of the helper, so it
 * uses the helper's proxies and CA.
 */
export function openCacheStore(
  { cache, environment, tlsCaFile, docker }: RunnerConfig,
  { env, log }: Pick<CacheStoreOptions, 'env' | 'log'>,
): ClosableCacheStore | undefined {
  if (cache === undefined) return undefined;
  const own = tlsCaFile === undefined ? [] : [tlsCaFile];
  const trustedFiles = [...own, ...mountedCaFiles(docker.volumes)];
  return createCacheStore({ cache, log, env: proxyEnvironment(env, environment), trustedFiles });
}
