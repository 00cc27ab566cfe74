import { inTries, type TryEnd } from '../../domain/tries.ts';
import type { Clock, Log } from '../../ports/index.ts';

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 16_000;
/** A Temporal that has refused a call for this long is not expected to take it soon. */
const PATIENCE_MS = 2 * 60_000;

/** How `@temporalio/worker` 1.24 writes a status of gRPC that will not be another one soon. */
const FINAL =
  /Status \{ code: (?:FailedPrecondition|InvalidArgument|NotFound|PermissionDenied|Unauthenticated|Unimplemented),/;

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
  return inTries(work, {
    nextMs: (end, { made }) =>
      isPassing(end) && clock.monotonicMs() < endMs
        ? Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (made - 1))
        : undefined,
    onRetry: (end) => {
      const reason = end.kind === 'failed' && end.error instanceof Error ? end.error.message : '';
      log.warn('Temporal takes no worker for now, asked again', { reason });
    },
    pause: (ms) => clock.sleep(ms).then(() => true),
  });
}

function isPassing(end: TryEnd<unknown>): boolean {
  if (end.kind !== 'failed' || !(end.error instanceof Error)) return false;
  return end.error.name === 'TransportError' && !FINAL.test(end.error.message);
}
