import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import { createDeflateRaw, deflateRaw } from 'node:zlib';
import { archiveFault } from './faults.ts';
import { NO_ZSTD, zstdPacking } from './zstd.ts';

export const STORED = 0;
export const DEFLATED = 8;
/** PKWARE APPNOTE 6.3.8; WinZip, 7-Zip and gitlab-runner from 19.3 on read it. */
export const BY_ZSTD = 93;

/** How the files of a zip are packed. */
export interface ZipPacking {
  readonly method: typeof DEFLATED | typeof BY_ZSTD;
  /** undefined: it is not worth the work. */
  readonly atOnce: (bytes: Uint8Array) => Promise<Uint8Array | undefined>;
  readonly stream: () => Transform;
  /**
   * A file of so many bytes may become longer than 4 GiB, and its sizes take eight bytes each: which
   * some readers of streams do not expect of what is shorter.
   */
  readonly largeBytes: number;
}

const deflateAtOnce = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw);

/** Level 0 packs nothing: the bytes stand as they are between the marks of deflate. */
export function deflatePacking(level: number): ZipPacking {
  return {
    method: DEFLATED,
    atOnce: async (bytes) => (level === 0 ? undefined : deflateAtOnce(bytes, { level })),
    stream: () => createDeflateRaw({ level }),
    largeBytes: 0xffe0_0000, // deflate adds 5 bytes to 16 KiB at most
  };
}

export function zipZstdPacking(level: number): ZipPacking {
  const packing = zstdPacking(level);
  if (packing === undefined) throw archiveFault(NO_ZSTD);
  return { ...packing, method: BY_ZSTD, largeBytes: 0xf000_0000 };
}
