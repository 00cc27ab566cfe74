import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { crc32, createDeflateRaw, deflateRaw } from 'node:zlib';
import type { FileMember } from '../../activities/ports.ts';
import { centralRecord, dataDescriptor, endRecords, localHeader } from './zip-records.ts';
import type { ZipContent, ZipEntry } from './zip-records.ts';

const deflateAtOnce = promisify<Buffer, { level: number }, Buffer>(deflateRaw);

/** Files up to this size are packed in one piece: most of a job's files are small. */
const SMALL_BYTES = 64 * 1024;
/** Deflating can make a file longer, by far less than what lies between this and 4 GiB. */
const LARGE_BYTES = 0xf000_0000;

const FILE_TYPES = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;

/**
 * A zip of these members, as it is made. Of own making: yazl knows no owners, which gitlab-runner
 * keeps, turns a `\` in a name into a `/`, refuses names such as `c:x`, and looks through all
 * members for each one: 50,000 take minutes.
 */
export async function* zipOf(
  members: AsyncIterable<FileMember>,
  level: number,
): AsyncGenerator<Uint8Array, void, void> {
  const directory: Buffer[] = [];
  let offset = 0;
  for await (const member of members) {
    const begin = offset;
    const done = yield* counted(memberOf(member, level), (bytes) => (offset += bytes));
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

function memberOf(member: FileMember, level: number): Parts<Done> {
  switch (member.kind) {
    case 'directory':
      return inOnePiece(member, { bytes: Buffer.alloc(0), level: 0 });
    case 'symlink':
      return inOnePiece(member, { bytes: Buffer.from(member.linkTarget), level: 0 });
    case 'file':
      return member.sizeBytes <= SMALL_BYTES
        ? smallFile(member, level)
        : streamedFile(member, level);
  }
}

async function* smallFile(member: FileMember, level: number): Parts<Done> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of exactly(member)) chunks.push(chunk);
  return yield* inOnePiece(member, { bytes: Buffer.concat(chunks), level });
}

async function* inOnePiece(
  member: FileMember,
  { bytes, level }: { readonly bytes: Buffer; readonly level: number },
): Parts<Done> {
  const deflated =
    level > 0 && bytes.byteLength > 0 ? await deflateAtOnce(bytes, { level }) : bytes;
  const isWorthIt = deflated.byteLength < bytes.byteLength;
  const entry = entryOf(member, { method: isWorthIt ? 8 : 0, isStreamed: false });
  const packed = isWorthIt ? deflated : bytes;
  const content = {
    ...{ crc32: crc32(bytes), packedBytes: packed.byteLength, sizeBytes: bytes.byteLength },
  };
  yield localHeader(entry, content);
  if (packed.byteLength > 0) yield packed;
  return { entry, content };
}

async function* streamedFile(member: FileMember, level: number): Parts<Done> {
  const entry = entryOf(member, { method: level === 0 ? 0 : 8, isStreamed: true });
  let sum = 0;
  let packedBytes = 0;
  const content = (): ZipContent => ({ crc32: sum, packedBytes, sizeBytes: member.sizeBytes });
  const summed = async function* (): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of exactly(member)) {
      sum = crc32(chunk, sum);
      yield chunk;
    }
  };
  yield localHeader(entry, content());
  for await (const chunk of level === 0 ? summed() : deflated(summed(), level)) {
    packedBytes += chunk.byteLength;
    yield chunk;
  }
  yield dataDescriptor(entry, content());
  return { entry, content: content() };
}

/** Fails when there is not as much as was said: the tar that it comes from would be broken. */
export async function* exactly({
  path,
  sizeBytes,
  content,
}: FileMember): AsyncGenerator<Uint8Array, void, void> {
  let seenBytes = 0;
  for await (const chunk of content) {
    seenBytes += chunk.byteLength;
    if (seenBytes > sizeBytes) break;
    yield chunk;
  }
  if (seenBytes === sizeBytes) return;
  throw new Error(`"${path}" has other than the ${sizeBytes} bytes that it was said to have`);
}

async function* deflated(
  content: AsyncIterable<Uint8Array>,
  level: number,
): AsyncGenerator<Uint8Array, void, void> {
  const deflate = createDeflateRaw({ level });
  const feeding = pipeline(content, deflate);
  feeding.catch(() => undefined); // thrown by the stream that is read below as well
  yield* deflate as AsyncIterable<Uint8Array>;
  await feeding;
}

function entryOf(
  member: FileMember,
  { method, isStreamed }: Pick<ZipEntry, 'method' | 'isStreamed'>,
): ZipEntry {
  const { kind, path, mode, uid, gid, modifiedMs, sizeBytes } = member;
  return {
    ...{ method, isStreamed, uid, gid, modifiedMs },
    name: Buffer.from(kind === 'directory' ? `${path}/` : path),
    unixMode: FILE_TYPES[kind] | (mode & 0o7777),
    isLarge: isStreamed && sizeBytes >= LARGE_BYTES,
  };
}
