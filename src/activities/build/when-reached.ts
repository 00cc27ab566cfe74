/** Calls the listener after each change, until the returned function is called. */
export type Watch = (listener: () => void) => () => void;

/**
 * Resolves when something is reached, now or after a change. Also resolves when the signal aborts.
 */
export function whenReached(
  isReached: () => boolean,
  watch: Watch,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || isReached()) return resolve();
    const look = (): void => {
      if (!signal.aborted && !isReached()) return;
      stop();
      signal.removeEventListener('abort', look);
      resolve();
    };
    const stop = watch(look);
    signal.addEventListener('abort', look);
  });
}
