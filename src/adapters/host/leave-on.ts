/**
 * Returns the result, unless the signal aborts first or has already aborted: then it rejects with
 * the signal's reason. The underlying work continues, and a later failure of it is ignored.
 */
export function leaveOn<T>(signal: AbortSignal | undefined, result: Promise<T>): Promise<T> {
  if (signal === undefined) return result;
  return new Promise<T>((resolve, reject) => {
    const leave = (): void => {
      // The reason belongs to the caller, so it is passed on unchanged.
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- see above
      reject(signal.reason);
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    result.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', leave);
    });
  });
}
