import { createHash } from 'node:crypto';
import {
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createArchives } from '../../src/adapters/archives/archives.ts';
import type { ArchiveMember, FileMember } from '../../src/ports/index.ts';
import { bytesOfPath, pathOfBytes } from '../../src/domain/files/path-bytes.ts';

/** The expected content of an archive: the digest of each file's content, or of a link's target. */
export type Listing = ReadonlyMap<string, string>;

interface Sample {
  readonly path: string;
  readonly kind: FileMember['kind'];
  readonly bytes: Uint8Array;
  readonly modifiedMs: number;
}

const at = (time: string): number => Date.parse(time);
const TODAY = at('2020-09-13T12:26:40Z');

function file(path: string, content: string | Uint8Array, modifiedMs = TODAY): Sample {
  return { path, kind: 'file', bytes: Buffer.from(content), modifiedMs };
}

/** Returns bytes that cannot be compressed, the same ones each time. */
function noise(lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let state = 1;
  for (let index = 0; index < lengthBytes; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** Files below and above the size that is packed in one piece, with names of every kind. */
export const SAMPLES: readonly Sample[] = [
  { path: 'out', kind: 'directory', bytes: Buffer.alloc(0), modifiedMs: TODAY },
  file('out/empty', ''),
  file('out/small.txt', 'text\n'),
  file('out/large.txt', 'abcdefghij\n'.repeat(30_000)),
  file('out/large.bin', noise(200_000)),
  file('out/größe 日本語 💎.txt', 'named\n'),
  file('out/1969', 'old\n', at('1969-12-31T12:00:00Z')),
  file('out/2049', 'new\n', at('2049-06-01T12:00:00Z')),
  file('out/2100', 'newer\n', at('2100-06-01T12:00:00Z')),
  { path: 'out/link', kind: 'symlink', bytes: Buffer.from('small.txt'), modifiedMs: TODAY },
];

/** The same with a name that is not UTF-8, which not every reader returns unchanged. */
export const LATIN_SAMPLES: readonly Sample[] = [
  ...SAMPLES,
  file('out/latin-caf\udce9', 'latin\n'),
];

async function* membersOf(samples: readonly Sample[]): AsyncGenerator<FileMember> {
  for (const { path, kind, bytes, modifiedMs } of samples) {
    const isLink = kind === 'symlink';
    yield {
      ...{ path, kind, modifiedMs, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
      mode: kind === 'file' ? 0o644 : 0o755,
      sizeBytes: kind === 'file' ? bytes.byteLength : 0,
      linkTarget: isLink ? pathOfBytes(bytes) : '',
      content: chunksOf(bytes),
    };
  }
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += 50_000) {
    yield await Promise.resolve(bytes.subarray(start, start + 50_000));
  }
}

export interface Packed {
  readonly format: 'zip' | 'zipzstd' | 'tarzstd';
  readonly level: 'fastest' | 'default';
}

const archives = createArchives();
const NEVER = new AbortController().signal;

export const canPack = archives.canPack;

export async function pack(path: string, how: Packed, samples: readonly Sample[]): Promise<void> {
  await archives.pack({ ...how, file: path, signal: NEVER }, membersOf(samples));
}

export function listingOf(samples: readonly Sample[]): Listing {
  return new Map(
    samples
      .filter(({ kind }) => kind !== 'directory')
      .map(({ path, bytes }) => [hexOf(path), digest(bytes)]),
  );
}

/** Unpacks an archive with this runner. Returns its content and the times of its files. */
export async function unpack(path: string): Promise<{
  readonly listing: Listing;
  readonly times: ReadonlyMap<string, number>;
}> {
  const listing = new Map<string, string>();
  const times = new Map<string, number>();
  for await (const member of archives.unpack(path, NEVER)) {
    const bytes = await bytesOf(member);
    if (member.kind === 'directory') continue;
    listing.set(hexOf(member.path), digest(bytes));
    if (member.kind === 'file') times.set(member.path, member.modifiedMs);
  }
  return { listing, times };
}

async function bytesOf({ kind, linkTarget, content }: ArchiveMember): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return kind === 'symlink' ? bytesOfPath(linkTarget) : Buffer.concat(chunks);
}

/** Writes the samples as files, like a job. */
export async function writeSamples(directory: string, samples: readonly Sample[]): Promise<void> {
  await mkdir(`${directory}/out`, { recursive: true });
  for (const { path, kind, bytes, modifiedMs } of samples) {
    const place = Buffer.concat([Buffer.from(`${directory}/`), bytesOfPath(path)]);
    if (kind === 'symlink') await symlink(Buffer.from(bytes), place);
    if (kind !== 'file') continue;
    await writeFile(place, bytes);
    await utimes(place, new Date(modifiedMs), new Date(modifiedMs));
  }
}

export function timesOf(samples: readonly Sample[]): ReadonlyMap<string, number> {
  return new Map(
    samples.filter(({ kind }) => kind === 'file').map(({ path, modifiedMs }) => [path, modifiedMs]),
  );
}

/** Lists the content of a directory into which an archive was unpacked. */
export async function readTree(directory: string): Promise<{
  readonly listing: Listing;
  readonly times: ReadonlyMap<string, number>;
}> {
  const listing = new Map<string, string>();
  const times = new Map<string, number>();
  const visit = async (relative: Buffer): Promise<void> => {
    const base = Buffer.concat([Buffer.from(`${directory}/`), relative]);
    for (const name of await readdir(base, { encoding: 'buffer' })) {
      const path = relative.length === 0 ? name : Buffer.concat([relative, Buffer.from('/'), name]);
      const place = Buffer.concat([Buffer.from(`${directory}/`), path]);
      const stats = await lstat(place);
      if (stats.isDirectory()) await visit(path);
      else if (stats.isSymbolicLink()) {
        listing.set(path.toString('hex'), digest(await readlink(place, { encoding: 'buffer' })));
      } else {
        listing.set(path.toString('hex'), digest(await readFile(place)));
        times.set(pathOfBytes(path), Math.floor(stats.mtimeMs / 1000) * 1000);
      }
    }
  };
  await visit(Buffer.alloc(0));
  return { listing, times };
}

function hexOf(path: string): string {
  return Buffer.from(bytesOfPath(path)).toString('hex');
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
