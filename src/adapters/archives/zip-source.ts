import type { FileHandle } from 'node:fs/promises';
import { RandomAccessReader } from 'yauzl';

type ReadArguments = Parameters<RandomAccessReader['read']>;

/**
 * A file for yauzl to read. Yauzl's own reader ends the process when an archive contains an offset
 * that no number can hold, because it checks outside of its error handling.
 */
export class ZipSource extends RandomAccessReader {
  readonly #file: FileHandle;
  readonly #sizeBytes: number;

  constructor(file: FileHandle, sizeBytes: number) {
    super();
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  override read(...[buffer, offset, length, position, callback]: ReadArguments): void {
    this.#fill(buffer.subarray(offset, offset + length), position).then(
      () => callback(null),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
    );
  }

  async #fill(target: Buffer, position: number): Promise<void> {
    if (!(position >= 0 && position + target.byteLength <= this.#sizeBytes)) {
      throw new Error('it points outside of the file');
    }
    for (let at = 0; at < target.byteLength;) {
      const rest = target.byteLength - at;
      const { bytesRead } = await this.#file.read(target, at, rest, position + at);
      if (bytesRead === 0) throw new Error('the file has become shorter');
      at += bytesRead;
    }
  }

  /** The opener of the file closes it. */
  override close(callback: (error: Error | null) => void): void {
    setImmediate(() => callback(null));
  }
}

/** Returns the bytes of a section of a file. */
export async function* bytesBetween(
  file: FileHandle,
  { start, end }: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array, void, void> {
  for (let at = start; at < end;) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
    const { bytesRead } = await file.read(chunk, 0, chunk.byteLength, at);
    if (bytesRead === 0) throw new Error('the file has become shorter');
    yield chunk.subarray(0, bytesRead);
    at += bytesRead;
  }
}

const CHUNK_BYTES = 64 * 1024;
