import type { Clock } from '../../ports/index.ts';

/** The heartbeats of all builds wait during a slice of work. */
const MAX_SLICE_MS = 50;

/** Divides long work that never waits by itself into slices. */
export interface TimeSlices {
  readonly isOver: boolean;
  /**
   * Lets everything else run when the current slice is over. Throws when the work is no longer
   * wanted.
   */
  next(): Promise<void>;
}

export function startTimeSlices(
  clock: Pick<Clock, 'monotonicMs' | 'sleep'>,
  signal: AbortSignal,
): TimeSlices {
  let endsMs = clock.monotonicMs() + MAX_SLICE_MS;
  return {
    get isOver() {
      return clock.monotonicMs() >= endsMs;
    },
    next: async () => {
      await clock.sleep(0, signal);
      endsMs = clock.monotonicMs() + MAX_SLICE_MS;
    },
  };
}
