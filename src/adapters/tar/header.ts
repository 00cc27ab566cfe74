import { bytesOfPath, pathOfBytes } from '../../domain/files/path-bytes.ts';
import { formatPax, type PaxRecords } from './pax.ts';

/** The header of one tar member. */
export interface TarHeader {
  readonly path: string;
  /** `other`: a device or a pipe. `link`: another name of an earlier file. */
  readonly kind: 'file' | 'directory' | 'symlink' | 'link' | 'other';
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** The modification time in milliseconds, with a precision of whole seconds. */
  readonly modifiedMs: number;
  readonly sizeBytes: number;
  /** Empty unless the member is a link of either kind. */
  readonly linkTarget: string;
}

export const BLOCK_BYTES = 512;

/** The largest numbers in octal digits, for fields of 8 and of 12 bytes. */
const MAX_SHORT = 0o7777777;
const MAX_LONG = 0o77777777777;
const NAME_BYTES = 100;

const FLAGS = { file: '0', link: '1', symlink: '2', directory: '5' } as const;
const PAX_FLAG = 'x';

/**
 * Encodes a member's header, preceded by a pax header where the plain one is not enough: ids above
 * 2,097,151, times before 1970 or after 2242, and names that are long or not ASCII. Source:
 * POSIX.1-2017 pax, "pax Interchange Format"; Go's archive/tar decides the same way.
 */
export function encodeHeader(header: TarHeader & { readonly kind: keyof typeof FLAGS }): Buffer {
  const records = paxRecordsOf(header);
  const plain = headerBlock(header, FLAGS[header.kind]);
  if (records.size === 0) return plain;
  const body = formatPax(records);
  const own = { ...NOTHING, modifiedMs: Math.max(0, header.modifiedMs) };
  const pax = headerBlock(
    { ...own, path: 'PaxHeader', mode: 0o644, sizeBytes: body.byteLength },
    PAX_FLAG,
  );
  return Buffer.concat([pax, body, Buffer.alloc(paddingBytes(body.byteLength)), plain]);
}

const NOTHING = { uid: 0, gid: 0, linkTarget: '' } as const;

/** Returns the number of bytes that pad a content to the end of its last block. */
export function paddingBytes(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

function paxRecordsOf(header: TarHeader): PaxRecords {
  const { path, linkTarget, uid, gid, sizeBytes } = header;
  const seconds = Math.floor(header.modifiedMs / 1000);
  const records = new Map<string, Uint8Array>();
  const add = (key: string, value: string): void => void records.set(key, bytesOfPath(value));
  if (!fitsName(path)) add('path', path);
  if (!fitsName(linkTarget)) add('linkpath', linkTarget);
  if (uid > MAX_SHORT) add('uid', String(uid));
  if (gid > MAX_SHORT) add('gid', String(gid));
  if (sizeBytes > MAX_LONG) add('size', String(sizeBytes));
  if (seconds < 0 || seconds > MAX_LONG) add('mtime', String(seconds));
  return records;
}

function fitsName(name: string): boolean {
  return name.length <= NAME_BYTES && /^[\x00-\x7f]*$/.test(name);
}

function headerBlock(header: Omit<TarHeader, 'kind'>, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const seconds = Math.floor(header.modifiedMs / 1000);
  writeName(block, 0, header.path);
  writeOctal(block, { at: 100, width: 8 }, header.mode & 0o7777);
  writeOctal(block, { at: 108, width: 8 }, header.uid);
  writeOctal(block, { at: 116, width: 8 }, header.gid);
  writeOctal(block, { at: 124, width: 12 }, header.sizeBytes);
  writeOctal(block, { at: 136, width: 12 }, seconds);
  block.write(flag, 156, 'latin1');
  writeName(block, 157, header.linkTarget);
  block.write('ustar\x0000', 257, 'latin1');
  writeOctal(block, { at: 329, width: 8 }, 0);
  writeOctal(block, { at: 337, width: 8 }, 0);
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Writes a name. A name that does not fit is in the pax header, and truncated here. */
function writeName(block: Buffer, at: number, name: string): void {
  const hint = name.replace(/[^\x01-\x7f]/g, '_').slice(0, NAME_BYTES);
  block.write(hint, at, 'latin1');
}

function writeOctal(
  block: Buffer,
  { at, width }: { readonly at: number; readonly width: number },
  value: number,
): void {
  const digits = value < 0 ? '0' : value.toString(8);
  const fitting = digits.length < width ? digits : '0';
  block.write(`${fitting.padStart(width - 1, '0')}\0`, at, 'latin1');
}

/** Sums up all bytes; the checksum's own field counts as blanks. */
function checksum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK_BYTES; at += 1) {
    if (at < 148 || at >= 156) sum += block[at] ?? 0;
  }
  return sum;
}

/** The plain header of a block. `flag` is the member's kind. */
export interface RawHeader extends Omit<TarHeader, 'kind'> {
  readonly flag: string;
}

/**
 * Parses a block; undefined when it is all zeros, as at the end of a tar. Throws when it is not a
 * header.
 */
export function decodeBlock(block: Buffer): RawHeader | undefined {
  const sum = checksum(block);
  if (sum === 8 * 0x20) return undefined;
  if (sum !== readNumber(block, { at: 148, width: 8 })) throw new Error('invalid tar header');
  // In other formats these bytes are not part of the name.
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? readName(block, { at: 345, width: 155 }) : '';
  const name = readName(block, { at: 0, width: NAME_BYTES });
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    mode: readNumber(block, { at: 100, width: 8 }) & 0o7777,
    uid: readNumber(block, { at: 108, width: 8 }),
    gid: readNumber(block, { at: 116, width: 8 }),
    sizeBytes: readNumber(block, { at: 124, width: 12 }),
    modifiedMs: readNumber(block, { at: 136, width: 12 }) * 1000,
    flag: block.toString('latin1', 156, 157),
    linkTarget: readName(block, { at: 157, width: NAME_BYTES }),
  };
}

interface Field {
  readonly at: number;
  readonly width: number;
}

function readName(block: Buffer, { at, width }: Field): string {
  const field = block.subarray(at, at + width);
  const end = field.indexOf(0);
  return pathOfBytes(end === -1 ? field : field.subarray(0, end));
}

/**
 * Reads octal digits among blanks and zeros, or, when the first bit is set, a number in two's
 * complement.
 */
function readNumber(block: Buffer, { at, width }: Field): number {
  const field = block.subarray(at, at + width);
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) return readBinary(field);
  const digits = field.toString('latin1').replace(/^[ \0]+|[ \0]+$/g, '');
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw new Error('invalid tar header');
  return parseInt(digits, 8);
}

function readBinary(field: Buffer): number {
  const bits = field.byteLength * 8 - 1; // The first bit only marks the encoding.
  const number = Number(BigInt.asIntN(bits, BigInt(`0x${field.toString('hex')}`)));
  if (!Number.isSafeInteger(number)) throw new Error('invalid tar header');
  return number;
}
