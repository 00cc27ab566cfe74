import type { CacheStore } from '../../ports/cache-store.ts';
import {
  createCacheStore,
  type CacheStoreOptions,
} from '../../adapters/cache-stores/cache-stores.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import { mountedCaFiles, proxyEnvironment } from '../../domain/runner/outbound.ts';

/** The store of an entry. What the runner sends in the helper's place goes by its proxies and its CA. */
export function openCacheStore(
  { cache, environment, tlsCaFile, docker }: RunnerConfig,
  { env, log }: Pick<CacheStoreOptions, 'env' | 'log'>,
): CacheStore | undefined {
  if (cache === undefined) return undefined;
  const own = tlsCaFile === undefined ? [] : [tlsCaFile];
  const trustedFiles = [...own, ...mountedCaFiles(docker.volumes)];
  return createCacheStore({ cache, log, env: proxyEnvironment(env, environment), trustedFiles });
}
