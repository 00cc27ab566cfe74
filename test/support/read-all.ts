import type { Readable } from 'node:stream';

/** Returns what a stream has buffered; '' for nothing. Since Node 26, `read()` returns one chunk of it. */
export function readAll(stream: Readable): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = stream.read() as string | Buffer | null;
    if (chunk === null) return Buffer.concat(chunks).toString();
    chunks.push(Buffer.from(chunk));
  }
}
