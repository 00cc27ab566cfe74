/** Reads a whole content into memory. The caller makes sure that it is not too large. */
export async function readContent({
  sizeBytes,
  content,
}: {
  readonly sizeBytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for await (const chunk of content) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes.subarray(0, at);
}
