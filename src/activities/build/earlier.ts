import type { Clock } from '../../ports/index.ts';

/**
 * A moment that a process before this one noted, by the clock that only grows. Now when it noted none,
 * or did before the machine was restarted: what was waited for then begins anew.
 */
export function earlierOrNow(note: unknown, clock: Pick<Clock, 'monotonicMs'>): number {
  const nowMs = clock.monotonicMs();
  return typeof note === 'number' && note <= nowMs ? note : nowMs;
}
