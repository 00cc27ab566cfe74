import { leaveOn } from './share-calls.ts';

/** Does work when all that came before it with a key of its own has ended; the rest goes on beside. */
export type InTurn = <T>(options: TurnOptions, work: () => Promise<T>) => Promise<T>;

export interface TurnOptions {
  readonly keys: readonly string[];
  /** Ends the wait. The work has to see to itself. */
  readonly signal?: AbortSignal | undefined;
}

/** All keys are taken in one moment: nobody holds one while waiting for another. */
export function createTurns(): InTurn {
  const lasts = new Map<string, Promise<void>>();
  return async ({ keys, signal }, work) => {
    const before = Promise.all(keys.map((key) => lasts.get(key) ?? Promise.resolve()));
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const last = before.then(() => ended);
    for (const key of keys) lasts.set(key, last);
    void last.then(() => {
      for (const key of keys) if (lasts.get(key) === last) lasts.delete(key);
    });
    try {
      await leaveOn(signal, before);
      return await work();
    } finally {
      end();
    }
  };
}
