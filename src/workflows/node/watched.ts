/**
 * A promise whose state can be read. Its error is kept until somebody takes it, because an
 * unhandled rejection would block the whole workflow.
 */
export interface Watched<T> {
  readonly isSettled: boolean;
  /** Returns the value or throws the error. Call it only after the promise has settled. */
  take(): T;
}

/**
 * Watches a promise, so that one `condition` can wait for it or for something else. Unlike a race
 * of two promises, this leaves no pending promise behind.
 */
export function watch<T>(work: Promise<T>): Watched<T> {
  let take: (() => T) | undefined;
  work.then(
    (value) => {
      take = () => value;
    },
    (fault: unknown) => {
      take = () => {
        throw fault;
      };
    },
  );
  return {
    get isSettled() {
      return take !== undefined;
    },
    take: () => {
      if (take === undefined) throw new Error('assertion failed: taken before it has settled');
      return take();
    },
  };
}
