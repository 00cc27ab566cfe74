import { inTries, type TryEnd } from '../../domain/tries.ts';
import type { Clock, Log } from '../../ports/index.ts';

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 16_000;
/** When Temporal has refused for this long, it is not expected to accept soon. */
const PATIENCE_MS = 2 * 60_000;

/** Matches a permanent gRPC status in the messages of `@temporalio/worker` 1.24. */
const FINAL =
  /Status \{ code: (?:FailedPrecondition|InvalidArgument|NotFound|PermissionDenied|Unauthenticated|Unimplemented),/;

/**
 * Does work that needs Temporal, and repeats it for up to two minutes while Temporal refuses only
 * temporarily. The SDK itself tries the request of a new worker only five times, and then gives up
 * the worker. `attempt` counts from 1. Throws any other fault at once.
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
