import { readCacheDays } from './cache-days.ts';
import { readCacheSizeBytes } from './cache-size.ts';

/** What cache volumes may be, 0: as old, or as large, as they like. */
export interface CacheLimits {
  readonly maxIdleDays: number;
  readonly maxBytes: number;
}

export function readCacheLimits(env: Readonly<Record<string, string | undefined>>): CacheLimits {
  return { maxIdleDays: readCacheDays(env), maxBytes: readCacheSizeBytes(env) };
}
