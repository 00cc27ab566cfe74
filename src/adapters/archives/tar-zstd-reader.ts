import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import type { ArchiveMember } from '../../activities/ports.ts';
import { FinalError } from '../../domain/failure.ts';
import { archiveFault, memberFault } from './faults.ts';
import { ARCHIVE_LIMITS, createSeenMembers, pathFault, type MemberKind } from './member-rules.ts';
import { NO_ZSTD, zstd } from './zstd.ts';

/** Zstandard packs a run of equal bytes 30,000 to one; files of people stay far below this. */
const MAX_RATIO = 10_000;
const FREE_CONTENT_BYTES = 1024 * 1024;

/**
 * What is in a tar that is packed by zstd. It has no list, so it is read twice: once for all names
 * and lengths, and when they are in order, to hand out what it holds.
 */
export async function* membersOfTarZstd(
  file: string,
  signal: AbortSignal,
): AsyncGenerator<ArchiveMember, void, void> {
  const implied = await checkAll(file, signal);
  for (const path of implied) {
    yield {
      ...{ path, kind: 'directory', mode: 0o777, uid: 0, gid: 0, isImplied: true },
      ...{ modifiedMs: Date.now(), linkTarget: '', sizeBytes: 0, content: nothing() },
    };
  }
  for await (const { header, kind, path, content } of entriesOf(file, signal)) {
    yield {
      ...{ path, kind, content, mode: header.mode & 0o7777, uid: header.uid, gid: header.gid },
      ...{ modifiedMs: header.mtime.getTime(), isImplied: false },
      sizeBytes: kind === 'file' ? header.size : 0,
      linkTarget: kind === 'symlink' ? header.linkname : '',
    };
  }
}

async function checkAll(file: string, signal: AbortSignal): Promise<readonly string[]> {
  const seen = createSeenMembers(ARCHIVE_LIMITS);
  const { size } = await stat(file);
  const allowance = Math.min(ARCHIVE_LIMITS.contentBytes, size * MAX_RATIO + FREE_CONTENT_BYTES);
  let contentBytes = 0;
  for await (const { header, kind, path } of entriesOf(file, signal)) {
    contentBytes += header.size;
    if (contentBytes > allowance) {
      throw archiveFault(`it says to hold more than ${allowance} bytes, and has ${size} itself`);
    }
    if (kind === 'symlink' && !/^[^\0]{1,4095}$/s.test(header.linkname)) {
      throw memberFault(path, 'is a symbolic link without a target');
    }
    const fault = pathFault(header.name) ?? seen.faultOf(path, kind);
    if (fault !== undefined) throw memberFault(path, fault);
  }
  return seen.impliedDirectories();
}

interface TarEntry {
  readonly header: Header & { readonly linkname: string };
  readonly kind: MemberKind;
  readonly path: string;
  readonly content: AsyncIterable<Uint8Array>;
}

/** Files, directories and symbolic links; all else is passed over, as in a zip. */
async function* entriesOf(file: string, signal: AbortSignal): AsyncGenerator<TarEntry, void, void> {
  if (zstd === undefined) throw archiveFault(`it is packed by zstd, and ${NO_ZSTD}`);
  const archive = extract();
  const tar = zstd.createZstdDecompress();
  let tarBytes = 0;
  tar.on('data', (chunk: Uint8Array) => (tarBytes += chunk.byteLength));
  const reading = pipeline(createReadStream(file), tar, archive, { signal });
  reading.catch((error: unknown) => archive.destroy(error as Error)); // told by the loop below
  try {
    for await (const entry of archive) {
      const known = entryOf(entry.header, entry as AsyncIterable<Uint8Array>);
      if (known !== undefined) yield known;
      entry.resume();
    }
    await reading;
    // Node takes a stream for whole that ends before its first byte; a tar has an end of its own.
    if (tarBytes === 0) throw archiveFault('it is packed by zstd, and there is nothing in it');
  } catch (error) {
    if (signal.aborted || error instanceof FinalError) throw error;
    throw archiveFault(`cannot be read: ${error instanceof Error ? error.message : 'broken'}`);
  } finally {
    archive.destroy();
  }
}

function entryOf(header: Header, content: AsyncIterable<Uint8Array>): TarEntry | undefined {
  const { type } = header;
  if (type !== 'file' && type !== 'directory' && type !== 'symlink') return undefined;
  const path = header.name.replace(/^(?:\.\/)+|\/+$/g, '');
  if (path === '' || path === '.') return undefined; // the directory itself
  // Its types say otherwise: all but links have none.
  const linkname = (header.linkname as string | null) ?? '';
  return { header: { ...header, linkname }, kind: type, path, content };
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {
  // has no content
}
