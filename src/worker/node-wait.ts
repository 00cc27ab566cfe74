import { parseGoDuration } from '../domain/job/go-duration.ts';

const ENV_NAME = 'TEMPORAL_GITLAB_RUNNER_NODE_WAIT';
const DEFAULT_MS = 5 * 60_000;
/** Temporal accepts no longer time-out, and nobody waits longer for a job. */
const MAX_MS = 30 * 24 * 3_600_000;

/**
 * Reads how long a build whose script may have begun waits for its node, in milliseconds. Throws
 * for a text that is not a duration.
 */
export function readNodeWaitMs(env: Readonly<Record<string, string | undefined>>): number {
  const text = env[ENV_NAME] ?? '';
  if (text === '') return DEFAULT_MS;
  const waitMs = parseGoDuration(text);
  if (waitMs !== undefined && waitMs >= 0 && waitMs <= MAX_MS) return Math.round(waitMs);
  throw new Error(`${ENV_NAME} is ${JSON.stringify(text)}: expected a duration such as 90s or 5m`);
}
