import { pipeline } from 'node:stream/promises';
import type { FileMember } from '../../ports/index.ts';
import { tarOf } from '../tar/writer.ts';
import { archiveFault } from './faults.ts';
import { NO_ZSTD, zstdPacking } from './zstd.ts';

/** Packs these members into a tar, which is compressed by zstd while it is made. */
export async function* tarZstdOf(
  members: AsyncIterable<FileMember>,
  level: number,
): AsyncGenerator<Uint8Array, void, void> {
  const packing = zstdPacking(level);
  if (packing === undefined) throw archiveFault(NO_ZSTD);
  const compress = packing.stream();
  const feeding = pipeline(tarOf(members), compress);
  feeding.catch(() => undefined); // The stream that is read below throws it too.
  yield* compress as AsyncIterable<Uint8Array>;
  await feeding;
}
