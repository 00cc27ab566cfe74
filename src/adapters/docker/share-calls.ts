import { leaveOn } from '../host/leave-on.ts';

interface Shared<T> {
  readonly result: Promise<T>;
  readonly abort: AbortController;
  waiters: number;
}

/**
 * Merges concurrent calls with the same key into one. Each caller may leave by its own signal. The
 * call itself is aborted when the last caller has left.
 */
export function shareCalls<T>(): (
  key: string,
  call: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<T> {
  const running = new Map<string, Shared<T>>();

  const start = (key: string, call: (signal: AbortSignal) => Promise<T>): Shared<T> => {
    const abort = new AbortController();
    const result = call(abort.signal);
    const shared: Shared<T> = { result, abort, waiters: 0 };
    running.set(key, shared);
    const forget = (): void => {
      if (running.get(key) === shared) running.delete(key);
    };
    result.then(forget, forget);
    return shared;
  };
  return async (key, call, signal) => {
    signal?.throwIfAborted();
    const shared = running.get(key) ?? start(key, call);
    shared.waiters += 1;
    try {
      return await leaveOn(signal, shared.result);
    } finally {
      shared.waiters -= 1;
      if (shared.waiters === 0) {
        // Nobody may join a call that is being aborted.
        if (running.get(key) === shared) running.delete(key);
        shared.abort.abort();
      }
    }
  };
}
