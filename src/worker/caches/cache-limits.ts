import { readCacheDays } from './cache-days.ts';
import { readCacheSizeBytes } from './cache-size.ts';

/** Limits for cache volumes. 0 means no limit of that kind. */
export interface CacheLimits {
  readonly maxIdleDays: number;
  readonly maxBytes: number;
}

export function readCacheLimits(env: Readonly<Record<string, string | undefined>>): CacheLimits {
  return { maxIdleDays: readCacheDays(env), maxBytes: readCacheSizeBytes(env) };
}
