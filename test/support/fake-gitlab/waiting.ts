import type { EventEmitter } from 'node:events';

export interface Waiting {
  /**
   * Resolves with the first result of `look`, which is called now and after each change. Rejects
   * after the time limit.
   */
  until<T>(look: () => T | undefined, limit: WaitLimit): Promise<T>;
}

export interface WaitLimit {
  readonly timeoutMs: number;
  /** Returns the text about the missing thing, for the message after the time limit. */
  readonly describe: () => string;
}

/** Creates waits that use the `change` events of an emitter instead of polling. */
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
