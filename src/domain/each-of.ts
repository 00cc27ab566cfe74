/** Yields the items one by one, for callers that take an asynchronous sequence. */
export async function* eachOf<T>(items: readonly T[]): AsyncGenerator<T, void, void> {
  for (const item of items) yield await Promise.resolve(item);
}
