import type { Log } from '../../ports/index.ts';

/** Closes things in the reverse order of their opening. */
export interface Closers {
  /**
   * Adds one. It is closed at once if closing has already begun, because it was being opened at
   * that moment.
   */
  add(close: () => Promise<void>): void;
  /** Closes everything, even when something fails, and throws the first failure. */
  close(): Promise<void>;
}

export function createClosers(): Closers {
  const closers: (() => Promise<void>)[] = [];
  let isClosed = false;
  return {
    add: (close) => {
      if (isClosed) void close().catch(() => undefined);
      else closers.push(close);
    },
    close: async () => {
      isClosed = true;
      const failures: unknown[] = [];
      for (let next = closers.pop(); next !== undefined; next = closers.pop()) {
        await next().catch((error: unknown) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}

/**
 * Closes after a failure. Only that failure is reported, because a failure to close follows from
 * it.
 */
export async function closeQuietly(close: () => Promise<void>, log: Log): Promise<void> {
  await close().catch((error: unknown) => {
    log.debug('not everything was closed', { error });
  });
}
