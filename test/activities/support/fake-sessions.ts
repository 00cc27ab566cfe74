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
  const listeners = new Set<() => void>();
  const change = (to: boolean): void => {
    isThere = to;
    for (const listener of listeners) listener();
  };
  return {
    offer: () => undefined,
    timeoutMs: () => timeoutMs,
    isConnected: () => isThere,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    end: (_, reason) => {
      ended.push(reason);
      change(false);
    },
    ...{ come: () => change(true), leave: () => change(false), ended },
  };
}
