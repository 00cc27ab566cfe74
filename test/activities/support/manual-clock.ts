import type { Clock } from '../../../src/ports/index.ts';
import { tick } from './world.ts';

/** Number of turns of the event loop after which all effects of a moment are over. */
const TURNS = 50;

/** A clock that stands still until the test lets time pass. */
export interface ManualClock extends Clock {
  /** Lets time pass, ends the sleeps that are over, and waits for their effects. */
  pass(ms: number): Promise<void>;
}

export function createManualClock(startMs = 1_000_000): ManualClock {
  let nowMs = startMs;
  const sleepers = new Set<{ readonly endsMs: number; readonly wake: () => void }>();
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { endsMs: nowMs + ms, wake: resolve };
        const give = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason as Error);
        };
        if (signal?.aborted === true) return give();
        signal?.addEventListener('abort', give, { once: true });
        sleepers.add(sleeper);
      }),
    pass: async (ms) => {
      await settle();
      nowMs += ms;
      for (const sleeper of sleepers) {
        if (sleeper.endsMs > nowMs) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await settle();
    },
  };
}

/** Waits until all work has gone as far as it can without time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await tick();
}
