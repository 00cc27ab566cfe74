import { open, rm, type FileHandle } from 'node:fs/promises';
import type { ArchiveMember, Archives, FileMember, PackOptions } from '../../ports/index.ts';
import { assert } from '../../domain/assert.ts';
import { archiveFault, diskFault } from './faults.ts';
import { gzipOf } from './gzip-writer.ts';
import { membersOfTarZstd } from './tar-zstd-reader.ts';
import { tarZstdOf } from './tar-zstd-writer.ts';
import { deflatePacking, zipZstdPacking } from './zip-packing.ts';
import { membersOfZip } from './zip-reader.ts';
import { zipOf } from './zip-writer.ts';
import { zstd } from './zstd.ts';
import { exactContent } from '../tar/exact-content.ts';
import { assertRoom, withinRoom } from '../host/free-space.ts';

/** Source: gitlab-runner `commands/helpers/archive/fastzip/zip_fastzip_archiver.go`. */
const LEVELS = { fastest: 0, fast: 1, default: 5, slow: 7, slowest: 9 } as const;

/** Source: gitlab-runner `commands/helpers/archive/tarzstd/tar_archiver.go`. */
const ZSTD_LEVELS = { fastest: 1, fast: 1, default: 3, slow: 7, slowest: 11 } as const;

export function createArchives(): Archives {
  return {
    pack: async (request, members) => {
      try {
        return { sizeBytes: await writeDurably(request, packed(request, members)) };
      } catch (error) {
        await rm(request.file, { force: true });
        request.signal.throwIfAborted();
        throw diskFault(error, `write the archive ${request.file}`);
      }
    },
    unpack,
    canPack: (format) => zstd !== undefined || (format !== 'tarzstd' && format !== 'zipzstd'),
  };
}

async function* unpack(
  file: string,
  signal: AbortSignal,
): AsyncGenerator<ArchiveMember, void, void> {
  const format = await formatOf(file);
  if (format === 'gzip') {
    throw archiveFault(`it is packed as ${format}, which this runner does not unpack`);
  }
  yield* format === 'zip' ? membersOfZip(file, signal) : membersOfTarZstd(file, signal);
}

/**
 * Reads the format from the first bytes. Source: gitlab-runner
 * `commands/helpers/artifacts_downloader.go` (openArchive).
 */
async function formatOf(file: string): Promise<'zip' | 'gzip' | 'zstd'> {
  const handle = await open(file, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    if (buffer.readUInt32BE(0) === 0x28b52ffd) return 'zstd';
    return buffer.readUInt16BE(0) === 0x1f8b ? 'gzip' : 'zip';
  } finally {
    await handle.close();
  }
}

function packed(
  { file, format, level }: PackOptions,
  members: AsyncIterable<FileMember>,
): AsyncIterable<Uint8Array> {
  switch (format) {
    case 'zip':
      return zipOf(members, deflatePacking(LEVELS[level]));
    case 'gzip':
      return gzipOf(members, LEVELS[level]);
    case 'raw':
      return rawOf(members, file);
    case 'tarzstd':
      return tarZstdOf(members, ZSTD_LEVELS[level]);
    case 'zipzstd':
      return zipOf(members, zipZstdPacking(ZSTD_LEVELS[level]));
  }
}

async function* rawOf(
  members: AsyncIterable<FileMember>,
  file: string,
): AsyncGenerator<Uint8Array, void, void> {
  let count = 0;
  for await (const member of members) {
    if (member.kind === 'directory') continue;
    count += 1;
    if (count > 1) throw archiveFault('only one file can be sent as raw');
    if (member.kind === 'symlink') throw archiveFault('a symbolic link cannot be sent as raw');
    // The room is checked first, so that the file does not fill all free space before it fails.
    await assertRoom(file, member.sizeBytes);
    yield* exactContent(member);
  }
  if (count === 0) throw archiveFault('there is no file to send as raw');
}

/** Returns the number of bytes when they would survive a crash of the node. */
async function writeDurably(
  { file, signal }: PackOptions,
  content: AsyncIterable<Uint8Array>,
): Promise<number> {
  const handle = await open(file, 'w', 0o600);
  try {
    let sizeBytes = 0;
    for await (const chunk of withinRoom(content, { file, sizeBytes })) {
      signal.throwIfAborted();
      await writeAll(handle, chunk);
      sizeBytes += chunk.byteLength;
    }
    await handle.sync();
    return sizeBytes;
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength;) {
    const { bytesWritten } = await handle.write(chunk, at);
    assert(bytesWritten > 0, 'the disk took nothing and said nothing');
    at += bytesWritten;
  }
}
