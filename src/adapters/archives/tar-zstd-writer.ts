import type { FileMember } from '../../ports/index.ts';
import { tarOf } from '../tar/writer.ts';
import { archiveFault } from './faults.ts';
import { through } from './through.ts';
import { NO_ZSTD, zstdPacking } from './zstd.ts';

/** Packs these members into a tar, which is compressed by zstd while it is made. */
export async function* tarZstdOf(
  members: AsyncIterable<FileMember>,
  level: number,
): AsyncGenerator<Uint8Array, void, void> {
  const packing = zstdPacking(level);
  if (packing === undefined) throw archiveFault(NO_ZSTD);
  yield* through(tarOf(members), packing.stream());
}
