const ENV_NAME = 'TEMPORAL_GITLAB_RUNNER_CACHE_DAYS';
/** Two months: what a monthly pipeline has left is still warm. */
const DEFAULT_DAYS = 60;

/** After how many days without a job a cache volume goes; 0: never. Fails on what is no such number. */
export function readCacheDays(env: Readonly<Record<string, string | undefined>>): number {
  const text = env[ENV_NAME] ?? '';
  if (text === '') return DEFAULT_DAYS;
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new Error(
    `${ENV_NAME} is ${JSON.stringify(text)}: expected a whole number of days, or 0 for never`,
  );
}
