import { judgeRetry } from '../../domain/runner/retry.ts';
import type { RetryPolicy } from '../../domain/tries.ts';

/** What of an answer decides whether its call is repeated. */
export interface AnswerFacts {
  readonly status: number;
  /** The value of a header, by its name in lower case. */
  header(name: string): string | null;
}

export interface AnswerRetries<T> {
  readonly nextMs: RetryPolicy<T>['nextMs'];
  /** GitLab's own wish for the next try in the answer that stands, in milliseconds. */
  askedMs(): number | undefined;
}

/** For one call: `budgetMs` is the longest total wait between its tries. An error always stands. */
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
        ...{ status, failedTries: made, waitedMs, budgetMs },
        hints: {
          rateLimitResetTime: header('ratelimit-resettime'),
          retryAfter: header('retry-after'),
        },
        ...{ nowMs: Date.now(), random: Math.random() },
      });
      if (verdict.kind === 'wait') return verdict.waitMs;
      ({ askedMs } = verdict);
      return undefined;
    },
    askedMs: () => askedMs,
  };
}
