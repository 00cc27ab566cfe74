/** Tries of one call in all, the first included. Source: gitlab-runner `network/retry_requester.go`. */
export const MAX_TRIES = 5;

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 60_000;
const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Whether an answer is worth another try at once. 501 and 505–511 are not: they do not pass.
 * Source: gitlab-runner `network/retry_requester.go`.
 */
export function shouldRetryStatus(status: number): boolean {
  return RETRIED_STATUSES.has(status) || status >= 512;
}

/** Headers by which GitLab says when to come back. */
export interface WaitHints {
  /** `RateLimit-ResetTime`: the date when the rate limit's window ends. */
  readonly rateLimitResetTime: string | null;
  /** `Retry-After`: seconds, or a date. */
  readonly retryAfter: string | null;
}

/**
 * Milliseconds that GitLab asks to wait, or undefined when it asks for none or says nonsense.
 * `RateLimit-ResetTime` goes before `Retry-After`. Not capped: callers know what they can bear.
 * Source: gitlab-runner `network/retry_requester.go`; a date in `Retry-After` is read besides.
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
 * Milliseconds before the next try when GitLab does not say: 100 ms doubled up to 60 s, drawn
 * evenly from what is above 100 ms. `failedTries` counts from 1, `random` is in [0, 1).
 * Source: gitlab-runner `network/retry_requester.go`.
 */
export function backoffMs(failedTries: number, random: number): number {
  const ceilingMs = Math.min(FIRST_DELAY_MS * 2 ** (failedTries - 1), MAX_DELAY_MS);
  return FIRST_DELAY_MS + random * (ceilingMs - FIRST_DELAY_MS);
}

export interface FailedTry {
  readonly status: number;
  readonly hints: WaitHints;
  /** Tries made so far, at least 1. */
  readonly failedTries: number;
  /** Time already spent on waits, and the most that may be. */
  readonly waitedMs: number;
  readonly budgetMs: number;
  readonly nowMs: number;
  readonly random: number;
}

/**
 * What to do after an answer: wait and try again, or leave it at that. `askedMs` is GitLab's own
 * wish: a wait longer than the budget is left to the caller, who need not hold a place meanwhile.
 */
export type RetryVerdict =
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'leave'; readonly askedMs: number | undefined };

export function judgeRetry(failed: FailedTry): RetryVerdict {
  if (!shouldRetryStatus(failed.status)) return { kind: 'leave', askedMs: undefined };
  const askedMs = askedWaitMs(failed.hints, failed.nowMs);
  const waitMs = askedMs ?? backoffMs(failed.failedTries, failed.random);
  const isSpent = failed.failedTries >= MAX_TRIES || failed.waitedMs + waitMs > failed.budgetMs;
  return isSpent ? { kind: 'leave', askedMs } : { kind: 'wait', waitMs };
}
