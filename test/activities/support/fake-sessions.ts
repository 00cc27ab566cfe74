import type { Sessions } from '../../../src/ports/index.ts';

/** One terminal, at which the test lets somebody sit down or leave. */
export interface FakeSessions extends Sessions {
  come(): void;
  leave(): void;
  /** The reasons that were shown to whoever was at the terminal when it was closed. */
  readonly ended: readonly string[];
}

export function createFakeSessions(timeoutMs: number): FakeSessions {
  let isThere = false;
  const ended: string[] = [];
  const watchers = new Set<() => void>();
  const change = (to: boolean): void => {
    isThere = to;
    for (const watch of watchers) watch();
  };
  const when = (wanted: boolean, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const watch = (): void => {
        if (isThere !== wanted && !signal.aborted) return;
        watchers.delete(watch);
        resolve();
      };
      watchers.add(watch);
      signal.addEventListener('abort', watch, { once: true });
      watch();
    });
  return {
    offer: () => undefined,
    timeoutMs: () => timeoutMs,
    isConnected: () => isThere,
    whenDisconnected: (_, signal) => when(false, signal),
    whenConnected: (_, signal) => when(true, signal),
    end: (_, reason) => {
      ended.push(reason);
      change(false);
    },
    ...{ come: () => change(true), leave: () => change(false), ended },
  };
}
