import { CancelledFailure, Context } from '@temporalio/activity';

const INTERVAL_MS = 5_000;

/**
 * Tells Temporal that the process lives while `work` lasts. When the workflow cancels the call, the
 * work is waited for all the same: its end says that nothing of it runs any more. When the process is
 * to stop, or Temporal has given the call up, the call ends at once; the work is taken up by the next
 * call, be it in this process or in another.
 */
export async function withHeartbeat<T>(work: () => Promise<T>): Promise<T> {
  const activity = Context.current();
  activity.heartbeat();
  const timer = setInterval(() => {
    activity.heartbeat();
  }, INTERVAL_MS);
  try {
    return await Promise.race([work(), untilGivenUp(activity)]);
  } finally {
    clearInterval(timer);
  }
}

/** Rejects when nobody waits for the call any more; never returns. */
async function untilGivenUp({ cancelled }: Context): Promise<never> {
  try {
    return await cancelled;
  } catch (error) {
    if (error instanceof CancelledFailure && error.message === 'CANCELLED') {
      return new Promise<never>(() => undefined);
    }
    throw error;
  }
}
