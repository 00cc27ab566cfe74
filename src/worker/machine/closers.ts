/** What has to be closed again, in the reverse order of its opening. */
export interface Closers {
  /** From the closing on, what is added is closed at once: its opening was under way. */
  add(close: () => Promise<void>): void;
  /** Closes everything, also after something of it has failed; throws the first failure. */
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
