import { leaveOn } from './leave-on.ts';

/** Runs work after all earlier work with any of the same keys. Other work runs concurrently. */
export type KeyedMutex = <T>(options: LockOptions, work: () => Promise<T>) => Promise<T>;

export interface LockOptions {
  readonly keys: readonly string[];
  /** Aborts the waiting. The work must watch the signal itself. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Creates a mutex. All keys are taken at once, so that nobody holds one while waiting for another.
 */
export function createKeyedMutex(): KeyedMutex {
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
