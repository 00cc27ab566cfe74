import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

interface ZstdOptions {
  readonly params: Readonly<Record<number, number>>;
}

/** What node:zlib has from Node 22.15 on; the types of older ones do not know it. */
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

/** undefined where this Node has no zstd. No package fills the gap that streams and is kept well. */
export const zstd: Zstd | undefined =
  'createZstdCompress' in zlib ? (zlib as unknown as Zstd) : undefined;

export const NO_ZSTD = `Node ${process.versions.node} has no zstd: 22.15 is the first that has`;

/** How many times its own length a run of equal bytes has: of what people keep it is far less. */
export const ZSTD_RATIO = 10_000;

/** Packs by zstd, on a Node that has it. */
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
