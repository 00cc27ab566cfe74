/**
 * Runners whose build on this node has ended since they last asked for a job. Such a runner asks
 * once without waiting for its pace.
 */
export interface EndedBuilds {
  /** A build of this runner has ended, and its place is free. */
  announce(runnerKey: string): void;
  /** True once for all builds of this runner that have ended before. */
  take(runnerKey: string): boolean;
  /** Resolves when the next build of this runner ends, or when the signal aborts. */
  next(runnerKey: string, signal: AbortSignal): Promise<void>;
}

/** No build has ended yet. */
export function createEndedBuilds(): EndedBuilds {
  const runners = new Set<string>();
  const waiting = new Map<string, Set<() => void>>();
  return {
    announce: (runnerKey) => {
      runners.add(runnerKey);
      for (const resolve of waiting.get(runnerKey) ?? []) resolve();
    },
    take: (runnerKey) => runners.delete(runnerKey),
    next: (runnerKey, signal) =>
      new Promise((resolve) => {
        const ofRunner = waiting.get(runnerKey) ?? new Set();
        const end = (): void => {
          ofRunner.delete(end);
          if (ofRunner.size === 0) waiting.delete(runnerKey);
          signal.removeEventListener('abort', end);
          resolve();
        };
        if (signal.aborted) return resolve();
        waiting.set(runnerKey, ofRunner.add(end));
        signal.addEventListener('abort', end, { once: true });
      }),
  };
}
