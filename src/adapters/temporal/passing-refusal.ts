import type { Clock, Log } from '../../ports/index.ts';

const PAUSE_MS = 1_000;
/** A Temporal that has refused a call for this long is not expected to take it soon. */
const PATIENCE_MS = 2 * 60_000;

/** How `@temporalio/worker` 1.24 writes a status of gRPC that may be another one soon. */
const PASSING =
  /Status \{ code: (?:Aborted|Cancelled|DeadlineExceeded|Internal|ResourceExhausted|Unavailable|Unknown),/;

/**
 * Does work that asks Temporal, again for two minutes while it refuses only for the moment. The SDK
 * itself tries the question that belongs to a new worker five times, and then gives the worker up.
 * `attempt` counts from 1. Throws any other fault at once.
 */
export async function pastRefusals<T>(
  work: (attempt: number) => Promise<T>,
  { clock, log }: { readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>; readonly log: Log },
): Promise<T> {
  const endMs = clock.monotonicMs() + PATIENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!PASSING.test(reason) || clock.monotonicMs() >= endMs) throw error;
      log.warn('Temporal takes no worker for now, asked again', { reason });
      await clock.sleep(PAUSE_MS);
    }
  }
}
