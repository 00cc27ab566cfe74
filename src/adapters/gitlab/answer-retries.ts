import { judgeRetry } from '../../domain/runner/retry.ts';
import type { RetryPolicy } from '../../domain/tries.ts';

/** The facts about an answer that decide whether its call is repeated. */
export interface AnswerFacts {
  readonly status: number;
  /** Returns the value of a header, by its name in lower case. */
  header(name: string): string | null;
}

export interface AnswerRetries<T> {
  readonly nextMs: RetryPolicy<T>['nextMs'];
  /** Returns the pause that GitLab has asked for in the final answer, in milliseconds. */
  askedMs(): number | undefined;
}

/**
 * Creates the retries of one call. `budgetMs` is the longest total wait between its tries. An error
 * is never tried again here.
 */
export function createAnswerRetries<T>(
  budgetMs: number,
  factsOf: (answer: T) => AnswerFacts,
): AnswerRetries<T> {
  let askedMs: number | undefined;
  return {
    nextMs: (end, { made, waitedMs }) => {
      if (end.kind === 'failed') return undefined;
      const { status, header } = factsOf(end.value);
      const verdict = judgeRetry({
        status,
        failedTries: made,
        waitedMs,
        budgetMs,
        hints: {
          rateLimitResetTime: header('ratelimit-resettime'),
          retryAfter: header('retry-after'),
        },
        nowMs: Date.now(),
        random: Math.random(),
      });
      if (verdict.kind === 'wait') return verdict.waitMs;
      ({ askedMs } = verdict);
      return undefined;
    },
    askedMs: () => askedMs,
  };
}
