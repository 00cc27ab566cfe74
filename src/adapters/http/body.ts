import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Dispatcher } from 'undici';
import { withinRoom } from '../host/free-space.ts';

/** The beginning of a body, or all of it. */
export interface Capped {
  readonly bytes: Uint8Array;
  /** True: the body is longer than the limit. */
  readonly isTooLong: boolean;
  /** The fault that cut off the body; undefined when there was none. */
  readonly fault: Error | undefined;
}

interface ReadLimits {
  readonly limitBytes: number;
  /** Time limit for the whole body; undefined when the request has a limit of its own. */
  readonly limitMs?: number;
}

/**
 * Reads a body up to a size and a time limit, whatever its headers promise. Compressed bodies count
 * after decompression. Always releases the connection. Never throws.
 */
export async function readCapped(
  body: Readable | ReadableStream<Uint8Array> | null,
  { limitBytes, limitMs }: ReadLimits,
): Promise<Capped> {
  if (body === null) return { bytes: new Uint8Array(), isTooLong: false, fault: undefined };
  const reader = streamOf(body).getReader();
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  let fault: Error | undefined;
  const expire = (): void => {
    fault = new Error(`the answer was not complete after ${limitMs} ms`);
    reader.cancel().catch(() => undefined);
  };
  const timer = limitMs === undefined ? undefined : setTimeout(expire, limitMs);
  try {
    while (lengthBytes <= limitBytes) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      lengthBytes += value.byteLength;
    }
  } catch (error) {
    fault ??= error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => undefined);
  }
  const isTooLong = lengthBytes > limitBytes;
  if (isTooLong) fault ??= new Error(`the answer is longer than ${limitBytes} bytes`);
  return { bytes: Buffer.concat(chunks).subarray(0, limitBytes), isTooLong, fault };
}

function streamOf(body: Readable | ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return body instanceof Readable ? toWebStream(body) : body;
}

/**
 * Turns a stream of Node into one of fetch. `Readable.toWeb` of Node 20 throws outside of any call,
 * and so may end the process, when its result is canceled while data arrives.
 */
export function toWebStream(body: Readable): ReadableStream<Uint8Array> {
  const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  return new ReadableStream({
    pull: async (controller) => {
      const next = await chunks.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: () => {
      body.on('error', () => undefined).destroy();
    },
  });
}

/**
 * Writes a body to a file that only its owner may read. Throws the fault of the connection or of
 * the disk, and then leaves no file. Refuses a body that would fill the disk.
 */
export async function saveBody(
  { body, headers }: Dispatcher.ResponseData,
  file: string,
): Promise<void> {
  const sizeBytes = Number(headerOf(headers, 'content-length')) || 0;
  try {
    const content = withinRoom(body, { file, sizeBytes });
    await pipeline(content, createWriteStream(file, { mode: 0o600 }));
  } catch (error) {
    body.on('error', () => undefined).destroy();
    await rm(file, { force: true });
    throw error;
  }
}

/** Returns the first value of a header, by its name in lower case; null when it is missing. */
export function headerOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  name: string,
): string | null {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
