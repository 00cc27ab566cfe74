/**
 * A promise that can be asked whether it has settled. Its fault is kept until somebody takes it, so
 * that nothing is ever an unhandled rejection, which would park the whole workflow.
 */
export interface Watched<T> {
  readonly isSettled: boolean;
  /** The value, or throws the fault. Only once it has settled. */
  take(): T;
}

/**
 * Waiting for a watched promise or for something else is one `condition` over both: unlike a race
 * of two promises it leaves no loser behind.
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
