import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { ARCHIVE_LIMITS, type ArchiveLimits } from './member-rules.ts';

interface ZstdOptions {
  readonly params: Readonly<Record<number, number>>;
}

/** The functions that node:zlib has from Node 22.15 on. Types for older versions lack them. */
interface Zstd {
  readonly createZstdCompress: (options: ZstdOptions) => Transform;
  readonly createZstdDecompress: () => Transform;
  readonly zstdCompress: (
    bytes: Uint8Array,
    options: ZstdOptions,
    callback: (error: Error | null, packed: Buffer) => void,
  ) => void;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

/**
 * The functions; undefined when this Node has no zstd. No well-kept package offers streaming zstd
 * instead.
 */
export const zstd: Zstd | undefined =
  'createZstdCompress' in zlib ? (zlib as unknown as Zstd) : undefined;

export const NO_ZSTD = `Node ${process.versions.node} has no zstd: 22.15 is the first that has`;

/** A block of 128 KiB of equal bytes takes 4 bytes. */
export const ZSTD_LIMITS: ArchiveLimits = { ...ARCHIVE_LIMITS, ratio: 33_000 };

/** Compresses by zstd, on a Node that supports it. */
export interface ZstdPacking {
  readonly atOnce: (bytes: Uint8Array) => Promise<Buffer>;
  readonly stream: () => Transform;
}

export function zstdPacking(level: number): ZstdPacking | undefined {
  if (zstd === undefined) return undefined;
  const { zstdCompress, createZstdCompress, constants } = zstd;
  const options = { params: { [constants.ZSTD_c_compressionLevel]: level } };
  const atOnce = promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress);
  return {
    atOnce: (bytes) => atOnce(bytes, options),
    stream: () => createZstdCompress(options),
  };
}
