/** The result, unless the signal aborts first. The underlying work continues. */
export function leaveOn<T>(signal: AbortSignal | undefined, result: Promise<T>): Promise<T> {
  if (signal === undefined) return result;
  return new Promise<T>((resolve, reject) => {
    const leave = (): void => {
      // The reason is the caller's own: handed back as it is.
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- see above
      reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    result.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', leave);
    });
  });
}
