/**
 * Yields the first item of a sequence, which was already read, and then the rest. Closes the rest
 * even when the reader leaves at the first item, because nobody else would close it.
 */
export async function* startingWith<T>(
  first: T,
  rest: AsyncGenerator<T>,
): AsyncGenerator<T, void, void> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
