import {
  createCacheStore,
  type CacheStoreOptions,
  type ClosableCacheStore,
} from '../../adapters/cache-stores/cache-stores.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import { proxyEnvironment, trustedCaFiles } from '../../domain/runner/outbound.ts';

/**
 * Opens the cache store of an entry. The node transfers the caches instead of the helper, so it
 * uses the helper's proxies and CA.
 */
export function openCacheStore(
  runner: RunnerConfig,
  { env, log }: Pick<CacheStoreOptions, 'env' | 'log'>,
): ClosableCacheStore | undefined {
  const { cache, environment } = runner;
  if (cache === undefined) return undefined;
  const trustedFiles = trustedCaFiles(runner);
  return createCacheStore({ cache, log, env: proxyEnvironment(env, environment), trustedFiles });
}
