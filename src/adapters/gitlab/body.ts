export interface Capped {
  readonly bytes: Uint8Array;
  /** Why the body may be longer than `bytes`. */
  readonly fault: Error | undefined;
}

/**
 * Reads a body up to a size and a time limit, whatever its headers promise. Compressed bodies count
 * after decompression. Always releases the connection. Never throws.
 */
export async function readCapped(
  response: Response,
  { limitBytes, limitMs }: { readonly limitBytes: number; readonly limitMs: number },
): Promise<Capped> {
  if (response.body === null) return { bytes: new Uint8Array(), fault: undefined };
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  let fault: Error | undefined;
  const timer = setTimeout(() => {
    fault = new Error(`the answer was not complete after ${limitMs} ms`);
    reader.cancel().catch(() => undefined);
  }, limitMs);
  try {
    for (;;) {
      const next = await reader.read();
      if (next.done) break;
      // The types of fetch leave the kind of a chunk open. The standard guarantees bytes.
      const value = next.value as Uint8Array;
      if (lengthBytes + value.byteLength > limitBytes) {
        fault = new Error(`the answer is longer than ${limitBytes} bytes`);
        break;
      }
      chunks.push(value);
      lengthBytes += value.byteLength;
    }
  } catch (error) {
    fault ??= error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => undefined);
  }
  return { bytes: Buffer.concat(chunks, lengthBytes), fault };
}
