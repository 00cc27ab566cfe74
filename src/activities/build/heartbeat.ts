import { CancelledFailure, Context } from '@temporalio/activity';

/**
 * Delay of the first heartbeat. Most calls end sooner and need none. Temporal writes every
 * heartbeat to its disk, and its answer only tells the node what has changed since the call began.
 */
const FIRST_MS = 1_000;
const INTERVAL_MS = 5_000;

/**
 * Sends heartbeats to Temporal while `work` lasts. When the workflow cancels the call, this still
 * waits for the work, so that no part of it runs afterwards. When the process is stopping, or
 * Temporal has given up the call, this ends at once, and the next call resumes the work in any
 * process.
 */
export async function withHeartbeat<T>(work: () => Promise<T>): Promise<T> {
  const activity = Context.current();
  const beat = (): void => activity.heartbeat();
  const first = setTimeout(beat, FIRST_MS);
  const others = setInterval(beat, INTERVAL_MS);
  try {
    return await Promise.race([work(), untilGivenUp(activity)]);
  } finally {
    clearTimeout(first);
    clearInterval(others);
  }
}

/** Rejects when nobody waits for the call any more. Never resolves. */
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
