import type { Entry } from 'yauzl';
import { pathOfBytes } from '../../domain/files/path-bytes.ts';
import { pathFault } from '../../domain/files/path-fault.ts';
import { memberFault } from './faults.ts';
import { plainPath, type MemberKind } from './member-rules.ts';
import { BY_ZSTD, DEFLATED, STORED } from './zip-packing.ts';
import { modifiedMsOf } from './zip-times.ts';
import { NO_ZSTD, zstd } from './zstd.ts';

/** A member as the zip's central directory describes it. */
export interface EntryFacts {
  readonly path: string;
  /** `other`: a device, a pipe or a socket, which is left out. */
  readonly kind: MemberKind | 'other';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
  readonly entry: Entry;
}

/** Values of the byte that names the system on which an entry was made. */
const UNIX_SYSTEMS: ReadonlySet<number> = new Set([3, 19]);
const DOS_READ_ONLY = 0x01;

/**
 * Checks and describes an entry; undefined for the root directory itself. Throws when it is
 * refused.
 */
export function describeEntry(entry: Entry): EntryFacts | undefined {
  // As in gitlab-runner, the exact bytes count, whatever the UTF-8 flag says.
  const name = pathOfBytes(entry.fileNameRaw);
  const isUnix = UNIX_SYSTEMS.has(entry.versionMadeBy >> 8);
  const fault = nameFault(name, isUnix) ?? contentFault(entry);
  if (fault !== undefined) throw memberFault(name, fault);
  const path = plainPath(name);
  if (path === '') return undefined;
  const { kind, mode } = isUnix ? unixMode(entry, name) : dosMode(entry, name);
  const owner = ownerOf(entry);
  return { path, kind, mode, ...owner, modifiedMs: modifiedMsOf(entry), entry };
}

/**
 * Returns why a name is refused. On Unix `\` and `c:` are ordinary characters. On other systems
 * they separate paths.
 */
function nameFault(name: string, isUnix: boolean): string | undefined {
  if (name === '') return 'has no name';
  if (!isUnix && name.includes('\\')) return 'has a backslash in its name';
  if (!isUnix && /^[A-Za-z]:/.test(name)) return 'has a drive in its name';
  return pathFault(name);
}

function contentFault(entry: Entry): string | undefined {
  if (entry.isEncrypted()) return 'is encrypted';
  const { compressionMethod: method } = entry;
  if (method === BY_ZSTD)
    return zstd === undefined ? `is packed by zstd, and ${NO_ZSTD}` : undefined;
  if (method === STORED || method === DEFLATED) return undefined;
  return `is packed by method ${method}, which this runner does not know`;
}

interface KindAndMode {
  readonly kind: EntryFacts['kind'];
  readonly mode: number;
}

const FILE_TYPE = 0o170000;
const KINDS: ReadonlyMap<number, EntryFacts['kind']> = new Map([
  [0, 'file'],
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
]);

/**
 * Returns kind and mode. Leaves out set-user-id and similar bits, which gitlab-runner does not
 * restore either.
 */
function unixMode({ externalFileAttributes }: Entry, name: string): KindAndMode {
  const bits = externalFileAttributes >>> 16;
  const kind = name.endsWith('/') ? 'directory' : (KINDS.get(bits & FILE_TYPE) ?? 'other');
  // An entry without mode bits means the usual mode, not a file that nobody may read.
  const mode = bits === 0 ? plainMode(kind) : bits & 0o777;
  return { kind, mode };
}

function dosMode({ externalFileAttributes }: Entry, name: string): KindAndMode {
  const kind = name.endsWith('/') ? 'directory' : 'file';
  const isReadOnly = (externalFileAttributes & DOS_READ_ONLY) !== 0;
  return { kind, mode: kind === 'file' && isReadOnly ? 0o444 : plainMode(kind) };
}

function plainMode(kind: EntryFacts['kind']): number {
  return kind === 'directory' ? 0o777 : 0o666;
}

/**
 * Reads the owner from Info-ZIP's field of version 1, with four-byte ids. gitlab-runner writes and
 * reads this field.
 */
function ownerOf({ extraFields }: Entry): Pick<EntryFacts, 'uid' | 'gid'> {
  const data = extraFields.find(({ id }) => id === 0x7875)?.data;
  const isKnown = data?.byteLength === 11 && data[0] === 1 && data[1] === 4 && data[6] === 4;
  if (!isKnown) return { uid: 0, gid: 0 };
  return { uid: data.readUInt32LE(2), gid: data.readUInt32LE(7) };
}
