import type { EventEmitter } from 'node:events';

export interface Waiting {
  /** Resolves with the first thing that `look` finds, now or after a change; rejects in time. */
  until<T>(look: () => T | undefined, limit: WaitLimit): Promise<T>;
}

export interface WaitLimit {
  readonly timeoutMs: number;
  /** What has not come, said when the time is over. */
  readonly describe: () => string;
}

/** Waits by the `change` events of an emitter: nothing is polled. */
export function createWaiting(changes: EventEmitter): Waiting {
  return {
    until: (look, { timeoutMs, describe }) =>
      new Promise((resolve, reject) => {
        const stop = (): void => {
          clearTimeout(timer);
          changes.off('change', check);
        };
        const check = (): void => {
          const found = look();
          if (found === undefined) return;
          stop();
          resolve(found);
        };
        const timer = setTimeout(() => {
          stop();
          reject(new Error(describe()));
        }, timeoutMs);
        changes.on('change', check);
        check();
      }),
  };
}
