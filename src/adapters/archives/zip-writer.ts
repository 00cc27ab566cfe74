import { crc32 } from 'node:zlib';
import type { FileMember } from '../../ports/index.ts';
import { bytesOfPath } from '../../domain/files/path-bytes.ts';
import { exactContent } from '../tar/exact-content.ts';
import { summedContent } from './summed-content.ts';
import { through } from './through.ts';
import type { ZipPacking } from './zip-packing.ts';
import { centralRecord, dataDescriptor, endRecords, localHeader } from './zip-records.ts';
import type { ZipContent, ZipEntry } from './zip-records.ts';

/** Files up to this size are compressed in one piece. Most files of a job are small. */
const SMALL_BYTES = 64 * 1024;
const FILE_TYPES = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;

/**
 * Writes a zip of these members as a stream. The code is our own because yazl does not write
 * owners, which gitlab-runner keeps. It also turns `\` in a name into `/`, refuses names such as
 * `c:x`, and searches all members for each one, so that 50,000 members take minutes.
 */
export async function* zipOf(
  members: AsyncIterable<FileMember>,
  packing: ZipPacking,
): AsyncGenerator<Uint8Array, void, void> {
  const directory: Buffer[] = [];
  let offset = 0;
  for await (const member of members) {
    const begin = offset;
    const done = yield* counted(memberOf(member, packing), (bytes) => (offset += bytes));
    directory.push(centralRecord(done.entry, { ...done.content, offset: begin }));
  }
  let lengthBytes = 0;
  for (const record of directory) {
    yield record;
    lengthBytes += record.byteLength;
  }
  yield endRecords({ count: directory.length, offset, lengthBytes });
}

interface Done {
  readonly entry: ZipEntry;
  readonly content: ZipContent;
}

type Parts<T> = AsyncGenerator<Uint8Array, T, void>;

async function* counted<T>(parts: Parts<T>, count: (bytes: number) => void): Parts<T> {
  for (;;) {
    const next = await parts.next();
    if (next.done === true) return next.value;
    count(next.value.byteLength);
    yield next.value;
  }
}

function memberOf(member: FileMember, packing: ZipPacking): Parts<Done> {
  switch (member.kind) {
    case 'directory':
      return inOnePiece(member, Buffer.alloc(0));
    case 'symlink':
      return inOnePiece(member, bytesOfPath(member.linkTarget));
    case 'file':
      return member.sizeBytes <= SMALL_BYTES
        ? smallFile(member, packing)
        : streamedFile(member, packing);
  }
}

async function* smallFile(member: FileMember, packing: ZipPacking): Parts<Done> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of exactContent(member)) chunks.push(chunk);
  return yield* inOnePiece(member, Buffer.concat(chunks), packing);
}

async function* inOnePiece(
  member: FileMember,
  bytes: Uint8Array,
  packing?: ZipPacking,
): Parts<Done> {
  const smaller = await packing?.atOnce(bytes);
  const isWorthIt = smaller !== undefined && smaller.byteLength < bytes.byteLength;
  const method = isWorthIt ? (packing?.method ?? 0) : 0;
  const entry = entryOf(member, { method, isStreamed: false, isLarge: false });
  const packed = isWorthIt ? smaller : bytes;
  const content = {
    crc32: crc32(bytes),
    packedBytes: packed.byteLength,
    sizeBytes: bytes.byteLength,
  };
  yield localHeader(entry, content);
  if (packed.byteLength > 0) yield packed;
  return { entry, content };
}

/**
 * Writes a file whose sizes follow its content. It is always compressed, because a streaming reader
 * can find the end of compressed data, but not of stored data.
 */
async function* streamedFile(member: FileMember, packing: ZipPacking): Parts<Done> {
  const { method, largeBytes } = packing;
  const isLarge = member.sizeBytes >= largeBytes;
  const entry = entryOf(member, { method, isStreamed: true, isLarge });
  const summed = summedContent(member);
  let packedBytes = 0;
  const content = (): ZipContent => ({
    crc32: summed.sum,
    packedBytes,
    sizeBytes: member.sizeBytes,
  });
  yield localHeader(entry, content());
  for await (const chunk of through(summed.content, packing.stream())) {
    packedBytes += chunk.byteLength;
    yield chunk;
  }
  yield dataDescriptor(entry, content());
  return { entry, content: content() };
}

function entryOf(
  member: FileMember,
  how: Pick<ZipEntry, 'method' | 'isStreamed' | 'isLarge'>,
): ZipEntry {
  const { kind, path, mode, uid, gid, modifiedMs } = member;
  return {
    ...how,
    uid,
    gid,
    modifiedMs,
    name: bytesOfPath(kind === 'directory' ? `${path}/` : path),
    unixMode: FILE_TYPES[kind] | (mode & 0o7777),
  };
}
