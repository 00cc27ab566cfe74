/** Work done one after another, in the order in which it was asked for. */
export interface Turns {
  /** Fails as `work` does; what comes after it is not held up by that. */
  take<T>(work: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return {
    take: (work) => {
      const next = last.then(work, work);
      last = next.catch(() => undefined);
      return next;
    },
  };
}
