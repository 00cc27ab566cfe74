/**
 * Number of tries of one call, including the first. Source: gitlab-runner
 * `network/retry_requester.go`.
 */
export const MAX_TRIES = 5;

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 60_000;
const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Whether an answer is worth another try. 501 and 505–511 are permanent. Source: gitlab-runner
 * `network/retry_requester.go`.
 */
export function shouldRetryStatus(status: number): boolean {
  return RETRIED_STATUSES.has(status) || status >= 512;
}

/** Headers in which GitLab tells when to come back. */
export interface WaitHints {
  /** `RateLimit-ResetTime`: the date when the rate limit's window ends. */
  readonly rateLimitResetTime: string | null;
  /** `Retry-After`: seconds, or a date. */
  readonly retryAfter: string | null;
}

/**
 * Returns the milliseconds that GitLab asks to wait; undefined when it asks for none or the header
 * is malformed. `RateLimit-ResetTime` precedes `Retry-After`. Not capped: callers decide how long
 * they can wait. Source: gitlab-runner `network/retry_requester.go`; unlike it, this also reads a
 * date in `Retry-After`.
 */
export function askedWaitMs(hints: WaitHints, nowMs: number): number | undefined {
  const resetMs = untilDateMs(hints.rateLimitResetTime, nowMs);
  if (resetMs !== undefined) return resetMs;
  const { retryAfter } = hints;
  if (retryAfter === null) return undefined;
  if (!/^\s*\d+\s*$/.test(retryAfter)) return untilDateMs(retryAfter, nowMs);
  const waitMs = Number(retryAfter) * 1000;
  return waitMs > 0 ? waitMs : undefined;
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} (GMT|UTC)$/;

function untilDateMs(text: string | null, nowMs: number): number | undefined {
  const date = text?.trim() ?? '';
  if (!HTTP_DATE.test(date)) return undefined;
  const waitMs = Date.parse(date) - nowMs;
  return waitMs > 0 ? waitMs : undefined;
}

/**
 * Returns the milliseconds before the next try when GitLab does not tell: a random time from 100 ms
 * up to a limit that doubles with each try, at most 60 s. `failedTries` counts from 1, `random` is
 * in [0, 1). Source: gitlab-runner `network/retry_requester.go`.
 */
export function backoffMs(failedTries: number, random: number): number {
  const ceilingMs = Math.min(FIRST_DELAY_MS * 2 ** (failedTries - 1), MAX_DELAY_MS);
  return FIRST_DELAY_MS + random * (ceilingMs - FIRST_DELAY_MS);
}

/** An answer that was not a success, and the waits so far. */
export interface FailedTry {
  readonly status: number;
  readonly hints: WaitHints;
  /** Tries made so far, at least 1. */
  readonly failedTries: number;
  /** Milliseconds already spent waiting, and the most that may be spent. */
  readonly waitedMs: number;
  readonly budgetMs: number;
  readonly nowMs: number;
  readonly random: number;
}

/**
 * What to do after an answer: wait and try again, or give up. `askedMs` is the pause that GitLab
 * has asked for. A wait above the budget is left to the caller, which need not occupy a slot
 * meanwhile.
 */
export type RetryVerdict =
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'leave'; readonly askedMs: number | undefined };

/**
 * Decides whether to try again after a failed try. Source: gitlab-runner
 * `network/retry_requester.go`.
 */
export function judgeRetry(failed: FailedTry): RetryVerdict {
  if (!shouldRetryStatus(failed.status)) return { kind: 'leave', askedMs: undefined };
  const askedMs = askedWaitMs(failed.hints, failed.nowMs);
  const waitMs = askedMs ?? backoffMs(failed.failedTries, failed.random);
  const isSpent = failed.failedTries >= MAX_TRIES || failed.waitedMs + waitMs > failed.budgetMs;
  return isSpent ? { kind: 'leave', askedMs } : { kind: 'wait', waitMs };
}
