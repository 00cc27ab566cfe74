import type { RunnerConfig } from '../../domain/runner/config.ts';

/** An adapter that holds connections. It opens new ones when it is used after it was closed. */
interface Closable {
  close(): Promise<void>;
}

/** One adapter for each version of a `[[runners]]` entry. */
export interface PerEntry<T> {
  /** Returns the adapter. A running build keeps the adapter of its own version of the entry. */
  of(runner: RunnerConfig): T;
  /**
   * Closes the idle connections of all other versions. Requests in progress continue, and a running
   * build that uses such an adapter again opens new connections.
   */
  keepOnly(runners: readonly RunnerConfig[]): Promise<void>;
  /** Closes the idle connections of all adapters. */
  close(): Promise<void>;
}

/**
 * Creates the adapters when they are needed. `make` returns undefined for an entry that needs no
 * adapter.
 */
export function createPerEntry<T extends Closable | undefined>(
  make: (runner: RunnerConfig) => T,
): PerEntry<T> {
  const made = new Map<string, T>();
  const closeAllBut = async (kept: ReadonlySet<string>): Promise<void> => {
    const others = [...made].filter(([entry]) => !kept.has(entry));
    await Promise.all(others.map(async ([, adapter]) => adapter?.close()));
  };
  return {
    of: (runner) => {
      const entry = JSON.stringify(runner);
      const known = made.get(entry);
      if (known !== undefined || made.has(entry)) return known as T;
      const adapter = make(runner);
      made.set(entry, adapter);
      return adapter;
    },
    keepOnly: (runners) => closeAllBut(new Set(runners.map((runner) => JSON.stringify(runner)))),
    close: () => closeAllBut(new Set()),
  };
}
