import { crc32, deflateRawSync } from 'node:zlib';

/** A member of a zip. A test may set wrong values in its headers. */
export interface MadeMember {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  /** The mode with the type of the file. The default is a regular file with 0644. */
  readonly mode?: number;
  /** The compression method. The default is stored. */
  readonly method?: number;
  readonly flags?: number;
  /** The system and version that made the member. The high byte is the system: 3 is Unix. */
  readonly madeBy?: number;
  readonly extra?: Buffer;
  readonly crc32?: number;
  readonly sizeBytes?: number;
  readonly packedBytes?: number;
  /** The bytes in the archive. */
  readonly packed?: Buffer;
  readonly offset?: number;
  readonly localName?: string;
  readonly dosAttributes?: number;
  /** The date and time in the four-byte format of DOS. */
  readonly dosTime?: number;
}

export const SYMLINK = 0o120777;
export const DIRECTORY = 0o040755;

export interface MadeEnd {
  readonly count?: number;
  readonly comment?: Buffer;
  readonly before?: Buffer;
}

/** Makes a zip without using the code that is tested with it. */
export function makeZip(members: readonly MadeMember[], end: MadeEnd = {}): Buffer {
  const parts: Buffer[] = [end.before ?? Buffer.alloc(0)];
  const central: Buffer[] = [];
  let at = parts[0]?.byteLength ?? 0;
  for (const member of members) {
    const facts = factsOf(member);
    const local = Buffer.concat([localOf(member, facts), facts.packed]);
    central.push(centralOf(member, facts, member.offset ?? at));
    parts.push(local);
    at += local.byteLength;
  }
  const directory = Buffer.concat(central);
  const tail = Buffer.alloc(22);
  tail.writeUInt32LE(0x06054b50, 0);
  tail.writeUInt16LE(end.count ?? members.length, 8);
  tail.writeUInt16LE(end.count ?? members.length, 10);
  tail.writeUInt32LE(directory.byteLength, 12);
  tail.writeUInt32LE(at, 16);
  const comment = end.comment ?? Buffer.alloc(0);
  tail.writeUInt16LE(comment.byteLength, 20);
  return Buffer.concat([...parts, directory, tail, comment]);
}

function factsOf({ name, content = '', method = 0, ...said }: MadeMember) {
  const bytes = Buffer.from(content);
  const packed = said.packed ?? (method === 8 ? deflateRawSync(bytes) : bytes);
  return {
    ...{ packed, method, name: Buffer.from(name) },
    crc32: said.crc32 ?? crc32(bytes),
    sizeBytes: said.sizeBytes ?? bytes.byteLength,
    packedBytes: said.packedBytes ?? packed.byteLength,
  };
}

type Facts = ReturnType<typeof factsOf>;

function localOf({ flags = 0x800, localName }: MadeMember, facts: Facts): Buffer {
  const name = localName === undefined ? facts.name : Buffer.from(localName);
  const head = Buffer.alloc(30);
  head.writeUInt32LE(0x04034b50, 0);
  head.writeUInt16LE(20, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt16LE(facts.method, 8);
  head.writeUInt32LE(facts.crc32, 14);
  head.writeUInt32LE(facts.packedBytes, 18);
  head.writeUInt32LE(facts.sizeBytes, 22);
  head.writeUInt16LE(name.byteLength, 26);
  return Buffer.concat([head, name]);
}

function centralOf(member: MadeMember, facts: Facts, offset: number): Buffer {
  const { flags = 0x800, mode = 0o100644, madeBy = 0x031e, dosAttributes = 0 } = member;
  const extra = member.extra ?? Buffer.alloc(0);
  const head = Buffer.alloc(46);
  head.writeUInt32LE(0x02014b50, 0);
  head.writeUInt16LE(madeBy, 4);
  head.writeUInt16LE(20, 6);
  head.writeUInt16LE(flags, 8);
  head.writeUInt16LE(facts.method, 10);
  head.writeUInt32LE(member.dosTime ?? 0, 12);
  head.writeUInt32LE(facts.crc32, 16);
  head.writeUInt32LE(facts.packedBytes, 20);
  head.writeUInt32LE(facts.sizeBytes, 24);
  head.writeUInt16LE(facts.name.byteLength, 28);
  head.writeUInt16LE(extra.byteLength, 30);
  head.writeUInt32LE(((mode << 16) | dosAttributes) >>> 0, 38);
  head.writeUInt32LE(offset, 42);
  return Buffer.concat([head, facts.name, extra]);
}
