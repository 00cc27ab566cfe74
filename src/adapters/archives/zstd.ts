import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';

/** What node:zlib has from Node 22.15 on; the types of older ones do not know it. */
interface Zstd {
  readonly createZstdCompress: (options: {
    readonly params: Readonly<Record<number, number>>;
  }) => Transform;
  readonly createZstdDecompress: () => Transform;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

/** undefined where this Node has no zstd. No package fills the gap that streams and is kept well. */
export const zstd: Zstd | undefined =
  'createZstdCompress' in zlib ? (zlib as unknown as Zstd) : undefined;

export const NO_ZSTD = `Node ${process.versions.node} has no zstd: 22.15 is the first that has`;
