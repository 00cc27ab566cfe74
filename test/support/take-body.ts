import type { IncomingMessage } from 'node:http';

/**
 * Calls `take` with the body of a request when it is complete. A client that leaves before that
 * waits for no answer, and nothing is called. A promise for the body would be rejected then, which
 * ends a process of tests unless somebody handles it.
 */
export function takeBody(request: IncomingMessage, take: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => take(Buffer.concat(chunks)));
  request.on('error', () => undefined); // The client has left.
}
