import type { FileMember } from '../../ports/index.ts';

/** Returns a file's content. Throws unless it has exactly the declared size. */
export async function* exactContent({
  path,
  sizeBytes,
  content,
}: FileMember): AsyncGenerator<Uint8Array, void, void> {
  let seenBytes = 0;
  for await (const chunk of content) {
    seenBytes += chunk.byteLength;
    if (seenBytes > sizeBytes) break;
    yield chunk;
  }
  if (seenBytes === sizeBytes) return;
  throw new Error(`"${path}" does not have its declared size of ${sizeBytes} bytes`);
}
