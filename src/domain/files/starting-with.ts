/**
 * The first item of a sequence, which was read already, and then its rest. The rest is closed also
 * when the reader leaves at the first item, because nobody else would.
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
