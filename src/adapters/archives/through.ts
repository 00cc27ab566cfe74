import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Passes the content through a stream, such as one that compresses it, and returns the output. */
export async function* through(
  content: AsyncIterable<Uint8Array>,
  stream: Duplex,
): AsyncGenerator<Uint8Array, void, void> {
  const feeding = pipeline(content, stream);
  feeding.catch(() => undefined); // The stream that is read below throws the same error.
  yield* stream as AsyncIterable<Uint8Array>;
  await feeding;
}
