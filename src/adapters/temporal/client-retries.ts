import { setTimeout as delay } from 'node:timers/promises';
import {
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  type GrpcRetryOptions,
} from '@temporalio/client';

/** The timer of the client and that of a retry may fire in the same turn of the event loop. */
const RESERVE_MS = 10;

/** The retries of one client's calls. */
export interface ClientRetries {
  readonly interceptor: ReturnType<typeof makeGrpcRetryInterceptor>;
  /** Resolves when no call will be tried again, so that the connection may be closed. */
  end(): Promise<void>;
}

/**
 * Tries calls again as Temporal's client does, until the client is to be closed. The client's own
 * retry of a call whose connection is closed meanwhile throws from a timer, which ends the process.
 */
export function createClientRetries(
  usual: GrpcRetryOptions = defaultGrpcRetryOptions(),
): ClientRetries {
  let isEnding = false;
  let lastMs = 0;
  return {
    interceptor: makeGrpcRetryInterceptor({
      retryableDecider: (attempt, status) => !isEnding && usual.retryableDecider(attempt, status),
      delayFunction: (attempt, status) => {
        const pauseMs = usual.delayFunction(attempt, status);
        lastMs = Math.max(lastMs, performance.now() + pauseMs);
        return pauseMs;
      },
    }),
    end: async () => {
      isEnding = true;
      const leftMs = lastMs - performance.now();
      if (leftMs > -RESERVE_MS) await delay(leftMs + RESERVE_MS);
    },
  };
}
