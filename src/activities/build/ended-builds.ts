import { createListeners } from '../../domain/listeners.ts';
import { whenReached } from './when-reached.ts';

/**
 * Remembers runners whose build on this node has ended since they last asked for a job. Such a
 * runner asks once more without waiting for its interval.
 */
export interface EndedBuilds {
  /** Records that a build of this runner has ended, so its slot is free. */
  announce(runnerKey: string): void;
  /** Returns true once for all builds of this runner that have ended before. */
  take(runnerKey: string): boolean;
  /** Resolves when a build of this runner has ended since `take`, or when the signal aborts. */
  next(runnerKey: string, signal: AbortSignal): Promise<void>;
}

/** Creates an empty memory: no build has ended yet. */
export function createEndedBuilds(): EndedBuilds {
  const runners = new Set<string>();
  const listeners = createListeners();
  return {
    announce: (runnerKey) => {
      runners.add(runnerKey);
      listeners.tell();
    },
    take: (runnerKey) => runners.delete(runnerKey),
    next: (runnerKey, signal) => whenReached(() => runners.has(runnerKey), listeners.add, signal),
  };
}
