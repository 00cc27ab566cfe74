import { TransientError } from '../../domain/failure.ts';

/** The longest pause before a job's result is sent again. */
const MAX_QUIET_MS = 60 * 60_000;

/** Calls that GitLab asked not to repeat before a certain time. */
export interface QuietTimes {
  /** Throws TransientError with the remaining time when the call must not be sent yet. */
  check(name: string): void;
  /** Creates the error for an answer, and blocks the call for as long as GitLab asked. */
  fault(
    name: string,
    message: string,
    wish: { readonly retryAfterMs: number | undefined; readonly status: number },
  ): TransientError;
}

export function createQuietTimes(nowMs: () => number = () => performance.now()): QuietTimes {
  const untilMs = new Map<string, number>();
  const statuses = new Map<string, number>();
  return {
    check: (name) => {
      const leftMs = (untilMs.get(name) ?? 0) - nowMs();
      if (leftMs > 0) {
        throw new TransientError(`${name} is not sent yet: GitLab asked to wait`, {
          retryAfterMs: leftMs,
          from: 'gitlab',
          status: statuses.get(name),
        });
      }
    },
    fault: (name, message, { retryAfterMs: askedMs, status }) => {
      if (askedMs === undefined) return new TransientError(message, { from: 'gitlab', status });
      const retryAfterMs = Math.min(askedMs, MAX_QUIET_MS);
      for (const [other, endMs] of untilMs) {
        if (endMs > nowMs()) continue;
        untilMs.delete(other);
        statuses.delete(other);
      }
      statuses.set(name, status);
      untilMs.set(name, nowMs() + retryAfterMs);
      return new TransientError(message, { retryAfterMs, from: 'gitlab', status });
    },
  };
}
