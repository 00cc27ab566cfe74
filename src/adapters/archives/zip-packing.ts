import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import { createDeflateRaw, deflateRaw } from 'node:zlib';
import { archiveFault } from './faults.ts';
import { NO_ZSTD, zstdPacking } from './zstd.ts';

export const STORED = 0;
export const DEFLATED = 8;
/**
 * The method's number in PKWARE APPNOTE 6.3.8. WinZip, 7-Zip and gitlab-runner from 19.3 on can
 * read it.
 */
export const BY_ZSTD = 93;

/** How the files of a zip are compressed. */
export interface ZipPacking {
  readonly method: typeof DEFLATED | typeof BY_ZSTD;
  /** Compresses in one piece. Returns undefined when compression is not worth the effort. */
  readonly atOnce: (bytes: Uint8Array) => Promise<Uint8Array | undefined>;
  readonly stream: () => Transform;
  /**
   * Files of at least this size may exceed 4 GiB after compression, so their sizes take eight bytes
   * each. Some streaming readers do not expect that for shorter files.
   */
  readonly largeBytes: number;
}

const deflateAtOnce = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw);

/** Level 0 does not compress: the bytes are stored in deflate blocks. */
export function deflatePacking(level: number): ZipPacking {
  return {
    method: DEFLATED,
    atOnce: async (bytes) => (level === 0 ? undefined : deflateAtOnce(bytes, { level })),
    stream: () => createDeflateRaw({ level }),
    largeBytes: 0xffe0_0000, // Deflate adds at most 5 bytes to 16 KiB.
  };
}

export function zipZstdPacking(level: number): ZipPacking {
  const packing = zstdPacking(level);
  if (packing === undefined) throw archiveFault(NO_ZSTD);
  return { ...packing, method: BY_ZSTD, largeBytes: 0xf000_0000 };
}
