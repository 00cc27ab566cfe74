import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { FinalError, TransientError } from '../../domain/failure.ts';
import { nameSources } from '../host/source-places.ts';

/**
 * Turns our errors into Temporal's, with their `type` and the pause that GitLab has asked for. No
 * other code does this.
 */
export const translateFaults: ActivityInterceptorsFactory = () => ({
  inbound: {
    execute: async (input, next) => {
      try {
        return await next(input);
      } catch (error) {
        throw translate(error);
      }
    },
  },
});

function translate(error: unknown): unknown {
  if (error instanceof FinalError) {
    return ApplicationFailure.nonRetryable(error.message, error.type);
  }
  if (error instanceof TransientError) {
    const { retryAfterMs } = error;
    return ApplicationFailure.create({
      message: error.message,
      type: 'Transient',
      ...(retryAfterMs !== undefined && { nextRetryDelay: retryAfterMs }),
    });
  }
  // Temporal's own errors, such as a cancellation, are no faults. Any other error is a bug.
  if (error instanceof Error && !(error instanceof TemporalFailure)) {
    error.stack = nameSources(error);
  }
  return error;
}
