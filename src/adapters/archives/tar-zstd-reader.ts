import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { ArchiveMember } from '../../ports/index.ts';
import { FinalError } from '../../domain/failure.ts';
import { pathFault } from '../../domain/files/path-fault.ts';
import { readTar, type TarEntry } from '../tar/reader.ts';
import { impliedDirectory } from './implied-directory.ts';
import { archiveFault, memberFault } from './faults.ts';
import {
  ARCHIVE_LIMITS,
  contentCounter,
  createSeenMembers,
  plainPath,
  type MemberKind,
} from './member-rules.ts';
import { NO_ZSTD, zstd, ZSTD_LIMITS } from './zstd.ts';

/**
 * Reads a tar compressed by zstd. It has no table of contents, so it is read twice: first to check
 * all names and lengths, then to return the members.
 */
export async function* membersOfTarZstd(
  file: string,
  signal: AbortSignal,
): AsyncGenerator<ArchiveMember, void, void> {
  const implied = await checkAll(file, signal);
  yield* implied.map(impliedDirectory);
  for await (const { entry, kind, path } of entriesOf(file, signal)) {
    yield { ...entry, kind, path, isImplied: false };
  }
}

async function checkAll(file: string, signal: AbortSignal): Promise<readonly string[]> {
  const seen = createSeenMembers(ARCHIVE_LIMITS);
  const count = contentCounter((await stat(file)).size, ZSTD_LIMITS);
  for await (const { entry, kind, path } of entriesOf(file, signal)) {
    count(entry.sizeBytes);
    if (kind === 'symlink' && !/^[^\0]{1,4095}$/s.test(entry.linkTarget)) {
      throw memberFault(path, 'is a symbolic link without a target');
    }
    const fault = pathFault(entry.path) ?? seen.faultOf(path, kind);
    if (fault !== undefined) throw memberFault(path, fault);
  }
  return seen.impliedDirectories();
}

interface KnownEntry {
  readonly entry: TarEntry;
  readonly kind: MemberKind;
  readonly path: string;
}

/** Returns files, directories and symbolic links. Other kinds are skipped, as in a zip. */
async function* entriesOf(
  file: string,
  signal: AbortSignal,
): AsyncGenerator<KnownEntry, void, void> {
  if (zstd === undefined) throw archiveFault(`it is packed by zstd, and ${NO_ZSTD}`);
  const tar = zstd.createZstdDecompress();
  const reading = pipeline(createReadStream(file), tar, { signal });
  // The loop below reads `tar` and gets the same error. Without an error, everything was read.
  reading.catch(() => undefined);
  let tarBytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of tar as AsyncIterable<Uint8Array>) {
      tarBytes += chunk.byteLength;
      yield chunk;
    }
  };
  try {
    for await (const entry of readTar(counted())) {
      const known = knownOf(entry);
      if (known !== undefined) yield known;
    }
    // Node accepts a stream that ends before its first byte. A valid tar is never empty.
    if (tarBytes === 0) throw archiveFault('it is packed by zstd, and is empty');
  } catch (error) {
    if (signal.aborted || error instanceof FinalError) throw error;
    throw archiveFault(`cannot be read: ${error instanceof Error ? error.message : 'broken'}`);
  } finally {
    tar.destroy();
  }
}

function knownOf(entry: TarEntry): KnownEntry | undefined {
  const { kind } = entry;
  if (kind === 'link' || kind === 'other') return undefined;
  const path = plainPath(entry.path);
  if (path === '') return undefined; // This is the directory itself.
  return { entry, kind, path };
}
