import { open, type FileHandle } from 'node:fs/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { fromRandomAccessReaderPromise, type Entry } from 'yauzl';
import { assert } from '../../domain/assert.ts';
import { errorMessage } from '../../domain/error-message.ts';
import { eachOf } from '../../domain/each-of.ts';
import { FinalError } from '../../domain/failure.ts';
import { pathOfBytes } from '../../domain/files/path-bytes.ts';
import type { ArchiveMember } from '../../ports/index.ts';
import { impliedDirectory } from './implied-directory.ts';
import { archiveFault, memberFault } from './faults.ts';
import { ARCHIVE_LIMITS, contentCounter, createSeenMembers } from './member-rules.ts';
import { through } from './through.ts';
import { describeEntry, type EntryFacts } from './zip-entry.ts';
import { BY_ZSTD, STORED } from './zip-packing.ts';
import { bytesBetween, ZipSource } from './zip-source.ts';
import { zstd, ZSTD_LIMITS } from './zstd.ts';

const MAX_LINK_BYTES = 4_095;

/**
 * Reads a zip. Everything except the contents is checked before the first member is returned, so
 * nothing is unpacked from an archive that is refused.
 */
export async function* membersOfZip(
  file: string,
  signal: AbortSignal,
): AsyncGenerator<ArchiveMember, void, void> {
  const handle = await open(file, 'r');
  try {
    const reading = { handle, sizeBytes: (await handle.stat()).size, signal };
    const implied = await checkAll(reading);
    yield* implied.map(impliedDirectory);
    for await (const facts of factsOf(reading)) {
      if (facts.kind !== 'other') yield await memberOf(facts, reading);
    }
  } finally {
    await handle.close();
  }
}

interface Reading {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  readonly signal: AbortSignal;
}

/** Checks everything but the contents. Returns the directories that have no member of their own. */
async function checkAll(reading: Reading): Promise<readonly string[]> {
  const seen = createSeenMembers(ARCHIVE_LIMITS);
  const countPlain = contentCounter(reading.sizeBytes, ARCHIVE_LIMITS);
  const countZstd = contentCounter(reading.sizeBytes, ZSTD_LIMITS);
  for await (const { path, kind, entry } of factsOf(reading)) {
    const count = entry.compressionMethod === BY_ZSTD ? countZstd : countPlain;
    count(entry.uncompressedSize);
    if (kind === 'other') continue;
    const fault = seen.faultOf(path, kind);
    if (fault !== undefined) throw memberFault(path, fault);
  }
  return seen.impliedDirectories();
}

/** Returns the members one by one, each checked by itself. */
async function* factsOf(reading: Reading): AsyncGenerator<EntryFacts, void, void> {
  const { handle, sizeBytes, signal } = reading;
  const source = new ZipSource(handle, sizeBytes);
  try {
    const zip = await fromRandomAccessReaderPromise(source, sizeBytes, {
      autoClose: false,
      decodeStrings: false,
    });
    for await (const entry of zip.eachEntry()) {
      signal.throwIfAborted();
      const facts = describeEntry(entry);
      if (facts !== undefined) yield facts;
    }
  } catch (error) {
    throw asFault(error, signal);
  }
}

function asFault(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted || error instanceof FinalError) return error;
  return archiveFault(errorMessage(error), error);
}

async function memberOf(facts: EntryFacts, reading: Reading): Promise<ArchiveMember> {
  const { kind, entry, path, mode, uid, gid, modifiedMs } = facts;
  const common = { path, mode, uid, gid, modifiedMs, isImplied: false };
  switch (kind) {
    case 'file':
      return {
        ...common,
        kind,
        linkTarget: '',
        sizeBytes: entry.uncompressedSize,
        content: contentOf(facts, reading),
      };
    case 'symlink':
      return {
        ...common,
        kind,
        sizeBytes: 0,
        content: eachOf([]),
        linkTarget: await readLink(facts, reading),
      };
    case 'directory':
    case 'other':
      return { ...common, kind: 'directory', linkTarget: '', sizeBytes: 0, content: eachOf([]) };
  }
}

async function readLink(facts: EntryFacts, reading: Reading): Promise<string> {
  const chunks: Uint8Array[] = [];
  if (facts.entry.uncompressedSize > MAX_LINK_BYTES) {
    throw memberFault(facts.path, 'is a symbolic link with a target that is too long');
  }
  for await (const chunk of contentOf(facts, reading)) chunks.push(chunk);
  const target = pathOfBytes(Buffer.concat(chunks));
  if (target !== '' && !target.includes('\0')) return target;
  throw memberFault(facts.path, 'is a symbolic link without a target');
}

/** Returns a member's bytes. Throws unless size and checksum are as declared. */
async function* contentOf(
  { entry, path }: EntryFacts,
  { handle, sizeBytes, signal }: Reading,
): AsyncGenerator<Uint8Array, void, void> {
  let sum = 0;
  let seenBytes = 0;
  try {
    const start = await dataStart(entry, { handle, sizeBytes });
    const packed = bytesBetween(handle, { start, end: start + entry.compressedSize });
    for await (const chunk of unpacked(packed, entry)) {
      signal.throwIfAborted();
      seenBytes += chunk.byteLength;
      if (seenBytes > entry.uncompressedSize) {
        throw memberFault(path, `holds more than the ${entry.uncompressedSize} bytes that it says`);
      }
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch (error) {
    if (signal.aborted || error instanceof FinalError) throw error;
    throw memberFault(path, `cannot be read: ${error instanceof Error ? error.message : 'broken'}`);
  }
  if (seenBytes < entry.uncompressedSize) {
    throw memberFault(path, `holds less than the ${entry.uncompressedSize} bytes that it says`);
  }
  if (sum !== entry.crc32) throw memberFault(path, 'is damaged: its checksum does not match');
}

/** Returns the position behind the local header. The other fields of that header are ignored. */
async function dataStart(
  entry: Entry,
  { handle, sizeBytes }: Pick<Reading, 'handle' | 'sizeBytes'>,
): Promise<number> {
  const at = entry.relativeOffsetOfLocalHeader;
  if (at + 30 > sizeBytes) throw new Error('it points outside of the file');
  const head = Buffer.alloc(30);
  await handle.read(head, 0, head.byteLength, at);
  if (head.readUInt32LE(0) !== 0x04034b50) throw new Error('there is no header where it should be');
  const start = at + 30 + head.readUInt16LE(26) + head.readUInt16LE(28);
  if (start + entry.compressedSize > sizeBytes) throw new Error('the file ends before it does');
  return start;
}

async function* unpacked(
  packed: AsyncIterable<Uint8Array>,
  { compressionMethod: method }: Entry,
): AsyncGenerator<Uint8Array, void, void> {
  if (method === STORED) {
    yield* packed;
    return;
  }
  const stream = method === BY_ZSTD ? zstd?.createZstdDecompress() : createInflateRaw();
  assert(stream !== undefined, 'what cannot be unpacked here was let through');
  yield* through(packed, stream);
}
