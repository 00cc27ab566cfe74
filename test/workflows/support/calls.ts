/** The calls in their order, and ways to wait for them. */
export interface Calls {
  readonly all: readonly string[];
  add(call: string): void;
  /** Resolves when the call was made this many times. */
  when(call: string, times?: number, limitMs?: number): Promise<void>;
  /** Resolves at the next call. */
  whenNext(limitMs?: number): Promise<void>;
}

export function recordCalls(): Calls {
  const all: string[] = [];
  const waiting = new Set<() => void>();
  return {
    all,
    add: (call) => {
      all.push(call);
      for (const check of waiting) check();
    },
    whenNext: (limitMs = 120_000) =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(() => {
          reject(new Error(`nothing was called after: ${all.join(', ')}`));
        }, limitMs);
        const check = (): void => {
          clearTimeout(limit);
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
      }),
    when: (call, times = 1, limitMs = 120_000) =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(() => {
          reject(new Error(`"${call}" was not called ${times} times, but: ${all.join(', ')}`));
        }, limitMs);
        const check = (): void => {
          if (all.filter((one) => one === call).length < times) return;
          clearTimeout(limit);
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}

/** A promise and the functions that settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function defer<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  promise.catch(() => undefined); // the one who awaits it sees the error
  return { promise, resolve, reject };
}
