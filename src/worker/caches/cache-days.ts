const ENV_NAME = 'TEMPORAL_GITLAB_RUNNER_CACHE_DAYS';
/** This is two months, so that a monthly pipeline finds its cache. */
const DEFAULT_DAYS = 60;

/**
 * Reads after how many days without a job a cache volume is removed; 0 means never. Throws for any
 * other text.
 */
export function readCacheDays(env: Readonly<Record<string, string | undefined>>): number {
  const text = env[ENV_NAME] ?? '';
  if (text === '') return DEFAULT_DAYS;
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new Error(
    `${ENV_NAME} is ${JSON.stringify(text)}: expected a whole number of days, or 0 for never`,
  );
}
