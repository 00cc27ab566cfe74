import { parseMemoryBytes } from '../../domain/runner/resource-units.ts';

const DAYS_NAME = 'TEMPORAL_GITLAB_RUNNER_CACHE_DAYS';
/** This is two months, so that a monthly pipeline finds its cache. */
const DEFAULT_DAYS = 60;
const SIZE_NAME = 'TEMPORAL_GITLAB_RUNNER_CACHE_SIZE';

type Environment = Readonly<Record<string, string | undefined>>;

/** Limits for cache volumes. 0 means no limit of that kind. */
export interface CacheLimits {
  /** After how many days without a job a volume is removed. */
  readonly maxIdleDays: number;
  /** How many bytes the volumes of a Docker daemon may use together. */
  readonly maxBytes: number;
}

/** Reads the limits. Throws for a text that is not a number of days, or not a size. */
export function readCacheLimits(env: Environment): CacheLimits {
  return { maxIdleDays: readDays(env), maxBytes: readSizeBytes(env) };
}

function readDays(env: Environment): number {
  const text = env[DAYS_NAME] ?? '';
  if (text === '') return DEFAULT_DAYS;
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new Error(
    `${DAYS_NAME} is ${JSON.stringify(text)}: expected a whole number of days, or 0 for never`,
  );
}

/**
 * The default is 0, no limit, because the right size depends on the disk, which may be another
 * machine's, and measuring is expensive.
 */
function readSizeBytes(env: Environment): number {
  const text = env[SIZE_NAME] ?? '';
  const bytes = text === '' ? 0 : parseMemoryBytes(text);
  if (bytes !== undefined) return bytes;
  throw new Error(
    `${SIZE_NAME} is ${JSON.stringify(text)}: expected a size such as 50g or 512m, or 0 for no limit`,
  );
}
