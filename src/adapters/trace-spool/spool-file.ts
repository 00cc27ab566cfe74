import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { diskFault } from './faults.ts';
import type { CheckedLength } from './checked-lengths.ts';

/**
 * The masked trace on disk. It is append-only, except for bytes that a crash left after the last
 * checkpoint.
 */
export interface SpoolFile {
  /** Number of bytes appended. Bytes that could not be written wait for the next call. */
  readonly lengthBytes: number;
  /** Appends waiting bytes and then `bytes`, which must not change before this returns. */
  append(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  read(startByte: number, maxBytes: number): Promise<Uint8Array>;
  /**
   * Returns the length on disk, and the CRC-32 of its first `lengthBytes`. The CRC-32 below `base`
   * is given.
   */
  examine(lengthBytes: number, base?: CheckedLength): Promise<Examination>;
  truncate(lengthBytes: number): Promise<void>;
  /** Fills the file up to this length, in the place of bytes that were lost. */
  fillTo(endByte: number): Promise<void>;
  /**
   * Fills what is missing on disk below `lengthBytes`, and returns the length that was left.
   * Returns undefined when nothing is missing.
   */
  fillMissing(): Promise<number | undefined>;
  close(): Promise<void>;
}

export interface Examination {
  readonly sizeBytes: number;
  readonly crc: number;
}

/** Takes the place of a byte that was lost. */
const FILLING = '?';
const EXAMINED_AT_ONCE_BYTES = 1024 * 1024;
const FILLED_AT_ONCE_BYTES = 1024 * 1024;
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

export async function openSpoolFile(path: string): Promise<SpoolFile> {
  const file = await open(path, FLAGS, 0o600).catch((error: unknown) => {
    throw diskFault('open', path, error);
  });
  let lengthBytes = 0;
  let waiting: Uint8Array = new Uint8Array(0);

  const writeAll = async (bytes: Uint8Array): Promise<void> => {
    let written = 0;
    try {
      while (written < bytes.length) {
        const length = bytes.length - written;
        const { bytesWritten } = await file.write(bytes, written, length, lengthBytes);
        written += bytesWritten;
        lengthBytes += bytesWritten;
      }
    } catch (error) {
      // The bytes are copied, because the caller may change them from now on.
      waiting = Buffer.from(bytes.subarray(written));
      throw diskFault('write', path, error);
    }
  };
  return {
    get lengthBytes() {
      return lengthBytes;
    },
    append: async (bytes) => {
      const all = waiting.length === 0 ? bytes : Buffer.concat([waiting, bytes]);
      waiting = waiting.subarray(0, 0);
      await writeAll(all);
    },
    sync: () =>
      file.datasync().catch((error: unknown) => {
        throw diskFault('write', path, error);
      }),
    read: async (startByte, maxBytes) => {
      const bytes = await readFully(file, startByte, maxBytes).catch((error: unknown) => {
        throw diskFault('read', path, error);
      });
      return bytes;
    },
    examine: async (length, base) => ({
      sizeBytes: (await file.stat()).size,
      crc: await checksum(file, length, base),
    }),
    truncate: async (length) => {
      await file.truncate(length);
      lengthBytes = length;
    },
    fillTo: async (endByte) => {
      await fill({ file, path }, lengthBytes, endByte);
      lengthBytes = Math.max(lengthBytes, endByte);
    },
    fillMissing: async () => {
      const { size } = await file.stat();
      if (size >= lengthBytes) return undefined;
      await fill({ file, path }, size, lengthBytes);
      return size;
    },
    close: () => file.close(),
  };
}

interface OpenFile {
  readonly file: FileHandle;
  readonly path: string;
}

async function fill({ file, path }: OpenFile, startByte: number, endByte: number): Promise<void> {
  try {
    for (let at = startByte; at < endByte;) {
      const bytes = Buffer.alloc(Math.min(FILLED_AT_ONCE_BYTES, endByte - at), FILLING);
      at += (await file.write(bytes, 0, bytes.length, at)).bytesWritten;
    }
  } catch (error) {
    throw diskFault('write', path, error);
  }
}

async function readFully(file: FileHandle, start: number, maxBytes: number): Promise<Uint8Array> {
  // The buffer is not filled first, because only the bytes that were read are returned.
  const buffer = Buffer.allocUnsafeSlow(Math.max(0, maxBytes));
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, start + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

async function checksum(
  file: FileHandle,
  lengthBytes: number,
  base: CheckedLength = { lengthBytes: 0, crc: 0 },
): Promise<number> {
  let { crc } = base;
  for (let at = base.lengthBytes; at < lengthBytes; at += EXAMINED_AT_ONCE_BYTES) {
    const bytes = await readFully(file, at, Math.min(EXAMINED_AT_ONCE_BYTES, lengthBytes - at));
    crc = crc32(bytes, crc);
  }
  return crc;
}
