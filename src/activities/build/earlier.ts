import type { Clock } from '../../ports/index.ts';

/**
 * Returns a moment that an earlier process noted, by the monotonic clock. Returns the current time
 * when there is no note, or when the machine was restarted since: the wait then begins again.
 */
export function earlierOrNow(note: unknown, clock: Pick<Clock, 'monotonicMs'>): number {
  const nowMs = clock.monotonicMs();
  return typeof note === 'number' && note <= nowMs ? note : nowMs;
}
