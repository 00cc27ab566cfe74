/** The functions that are called after each change of something. */
export interface Listeners {
  /** Calls all of them. */
  tell(): void;
  /** Calls this one too from now on, until the returned function is called. */
  add(listener: () => void): () => void;
}

/** Creates an empty set of listeners. */
export function createListeners(): Listeners {
  const listeners = new Set<() => void>();
  return {
    tell: () => {
      for (const listener of listeners) listener();
    },
    add: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
