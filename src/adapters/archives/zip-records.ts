// The records of a zip, as bytes. Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5; Info-ZIP's
// extra field 0x7875 (owner), which gitlab-runner writes and reads too.

import { isUtf8 } from 'node:buffer';
import { BY_ZSTD } from './zip-packing.ts';
import { timeExtra } from './zip-times.ts';

/** The facts about one member in its records. */
export interface ZipEntry {
  /** The bytes of its path. */
  readonly name: Uint8Array;
  readonly method: number;
  /** File type and permissions, as `stat` returns them. */
  readonly unixMode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
  /** True: the sizes follow the content, in eight bytes each when `isLarge`. */
  readonly isStreamed: boolean;
  readonly isLarge: boolean;
}

export interface ZipContent {
  readonly crc32: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
}

export interface ZipPlace {
  /** Position of its local header. */
  readonly offset: number;
}

const UINT32_MAX = 0xffff_ffff;
const UINT16_MAX = 0xffff;
const VERSION_PLAIN = 20;
const VERSION_ZIP64 = 45;
const VERSION_ZSTD = 63;
/** Unix, and version 6.3 of the specification. */
const MADE_BY = (3 << 8) | 63;
const UTF8_NAMES = 1 << 11;
const SIZES_FOLLOW = 1 << 3;

export function localHeader(entry: ZipEntry, content: ZipContent): Buffer {
  const { isLarge, isStreamed, name } = entry;
  const extra = Buffer.concat([
    ...(isLarge ? [zip64Extra([0, 0])] : []),
    timeExtra(entry.modifiedMs),
    ownerExtra(entry),
  ]);
  const known = isStreamed ? { crc32: 0, packedBytes: 0, sizeBytes: 0 } : content;
  const head = Buffer.alloc(30);
  head.writeUInt32LE(0x04034b50, 0);
  head.writeUInt16LE(versionFor(entry, isLarge), 4);
  writeCommon(head.subarray(6), entry);
  head.writeUInt32LE(known.crc32, 14);
  head.writeUInt32LE(isLarge ? UINT32_MAX : known.packedBytes, 18);
  head.writeUInt32LE(isLarge ? UINT32_MAX : known.sizeBytes, 22);
  head.writeUInt16LE(name.byteLength, 26);
  head.writeUInt16LE(extra.byteLength, 28);
  return Buffer.concat([head, name, extra]);
}

/** Builds the record that follows the content of a streamed member. */
export function dataDescriptor({ isLarge }: ZipEntry, content: ZipContent): Buffer {
  const record = Buffer.alloc(isLarge ? 24 : 16);
  record.writeUInt32LE(0x08074b50, 0);
  record.writeUInt32LE(content.crc32, 4);
  if (isLarge) {
    record.writeBigUInt64LE(BigInt(content.packedBytes), 8);
    record.writeBigUInt64LE(BigInt(content.sizeBytes), 16);
  } else {
    record.writeUInt32LE(content.packedBytes, 8);
    record.writeUInt32LE(content.sizeBytes, 12);
  }
  return record;
}

export function centralRecord(entry: ZipEntry, content: ZipContent & ZipPlace): Buffer {
  const { name } = entry;
  const { packedBytes, sizeBytes, offset } = content;
  const isWide = entry.isLarge || offset >= UINT32_MAX;
  const extra = Buffer.concat([
    ...(isWide ? [zip64Extra([sizeBytes, packedBytes, offset])] : []),
    timeExtra(entry.modifiedMs),
    ownerExtra(entry),
  ]);
  const head = Buffer.alloc(46);
  head.writeUInt32LE(0x02014b50, 0);
  head.writeUInt16LE(MADE_BY, 4);
  head.writeUInt16LE(versionFor(entry, isWide), 6);
  writeCommon(head.subarray(8), entry);
  head.writeUInt32LE(content.crc32, 16);
  head.writeUInt32LE(isWide ? UINT32_MAX : packedBytes, 20);
  head.writeUInt32LE(isWide ? UINT32_MAX : sizeBytes, 24);
  head.writeUInt16LE(name.byteLength, 28);
  head.writeUInt16LE(extra.byteLength, 30);
  // The lowest bit of the second half marks a directory for DOS.
  const isDirectory = (entry.unixMode & 0o170000) === 0o040000;
  head.writeUInt32LE(((entry.unixMode << 16) | (isDirectory ? 0x10 : 0)) >>> 0, 38);
  head.writeUInt32LE(isWide ? UINT32_MAX : offset, 42);
  return Buffer.concat([head, name, extra]);
}

export interface ZipDirectory {
  readonly count: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Builds the end of a zip, with the records of zip64 when a number needs them. */
export function endRecords({ count, offset, lengthBytes }: ZipDirectory): Buffer {
  const isWide = count >= UINT16_MAX || offset >= UINT32_MAX || lengthBytes >= UINT32_MAX;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(isWide ? UINT16_MAX : count, 8);
  end.writeUInt16LE(isWide ? UINT16_MAX : count, 10);
  end.writeUInt32LE(isWide ? UINT32_MAX : lengthBytes, 12);
  end.writeUInt32LE(isWide ? UINT32_MAX : offset, 16);
  if (!isWide) return end;

  const wide = Buffer.alloc(56);
  wide.writeUInt32LE(0x06064b50, 0);
  wide.writeBigUInt64LE(44n, 4);
  wide.writeUInt16LE(MADE_BY, 12);
  wide.writeUInt16LE(VERSION_ZIP64, 14);
  wide.writeBigUInt64LE(BigInt(count), 24);
  wide.writeBigUInt64LE(BigInt(count), 32);
  wide.writeBigUInt64LE(BigInt(lengthBytes), 40);
  wide.writeBigUInt64LE(BigInt(offset), 48);

  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + lengthBytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([wide, locator, end]);
}

/** Returns the version of the specification that a reader must support. */
function versionFor({ method }: ZipEntry, isWide: boolean): number {
  if (method === BY_ZSTD) return VERSION_ZSTD;
  return isWide ? VERSION_ZIP64 : VERSION_PLAIN;
}

/** Writes flags, method and DOS time: the same eight bytes in both kinds of header. */
function writeCommon(head: Buffer, entry: ZipEntry): void {
  const names = isUtf8(entry.name) ? UTF8_NAMES : 0;
  head.writeUInt16LE(names | (entry.isStreamed ? SIZES_FOLLOW : 0), 0);
  head.writeUInt16LE(entry.method, 2);
  const { time, date } = dosTime(entry.modifiedMs);
  head.writeUInt16LE(time, 4);
  head.writeUInt16LE(date, 6);
}

/**
 * Returns the time in UTC, like Go's writer: DOS has no time zones, and readers prefer the extra
 * field.
 */
function dosTime(modifiedMs: number): { readonly time: number; readonly date: number } {
  const firstMs = Date.UTC(1980, 0, 1);
  const lastMs = Date.UTC(2107, 11, 31, 23, 59, 58);
  const at = new Date(Math.min(Math.max(modifiedMs, firstMs), lastMs));
  return {
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
  };
}

function zip64Extra(numbers: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + numbers.length * 8);
  field.writeUInt16LE(0x0001, 0);
  field.writeUInt16LE(numbers.length * 8, 2);
  numbers.forEach((value, index) => field.writeBigUInt64LE(BigInt(value), 4 + index * 8));
  return field;
}

function ownerExtra({ uid, gid }: ZipEntry): Buffer {
  const field = Buffer.alloc(15);
  field.writeUInt16LE(0x7875, 0);
  field.writeUInt16LE(11, 2);
  field.writeUInt8(1, 4);
  field.writeUInt8(4, 5);
  field.writeUInt32LE(uid >>> 0, 6);
  field.writeUInt8(4, 10);
  field.writeUInt32LE(gid >>> 0, 11);
  return field;
}
