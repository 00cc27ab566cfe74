import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import type { FileMember } from '../../activities/ports.ts';
import { archiveFault } from './faults.ts';
import { exactly } from './zip-writer.ts';
import { NO_ZSTD, zstd } from './zstd.ts';

/** A tar of these members, packed by zstd as it is made. */
export async function* tarZstdOf(
  members: AsyncIterable<FileMember>,
  level: number,
): AsyncGenerator<Uint8Array, void, void> {
  if (zstd === undefined) throw archiveFault(NO_ZSTD);
  const archive = pack();
  const compress = zstd.createZstdCompress({
    params: { [zstd.constants.ZSTD_c_compressionLevel]: level },
  });
  const filling = fill(archive, members);
  const feeding = pipeline(Readable.from(archive), compress);
  const working = Promise.all([filling, feeding]);
  // What fails first ends the others; it is thrown below.
  working.catch((error: unknown) => {
    archive.destroy();
    compress.destroy(error as Error);
  });
  yield* compress as AsyncIterable<Uint8Array>;
  await working;
}

async function fill(archive: Pack, members: AsyncIterable<FileMember>): Promise<void> {
  for await (const member of members) {
    const { path, kind, mode, uid, gid, modifiedMs, sizeBytes, linkTarget } = member;
    const entry = archive.entry({
      ...{ name: kind === 'directory' ? `${path}/` : path, type: kind, mode, uid, gid },
      mtime: new Date(modifiedMs),
      ...(kind === 'file' && { size: sizeBytes }),
      ...(kind === 'symlink' && { linkname: linkTarget }),
    });
    if (kind === 'file') await pipeline(exactly(member), entry);
    else entry.end(undefined);
  }
  archive.finalize();
}
