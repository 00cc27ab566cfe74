import { pathOfBytes } from '../../domain/files/path-bytes.ts';
import { ByteSource } from './byte-source.ts';
import { BLOCK_BYTES, decodeBlock, paddingBytes } from './header.ts';
import type { RawHeader, TarHeader } from './header.ts';
import { parsePax, type PaxRecords } from './pax.ts';

/** A member. Read or skip its content before asking for the next member. */
export interface TarEntry extends TarHeader {
  readonly content: AsyncGenerator<Uint8Array, void, void>;
}

/** No path is this long. */
const MAX_EXTENSION_BYTES = 1024 * 1024;

/**
 * Reads a tar stream to its end: ustar, pax, and GNU tar's long names and large numbers. The code
 * is our own because tar-stream and similar libraries decode names before the caller can see their
 * bytes, and ignore ids and times in pax headers. Source: POSIX.1-2017 pax; Go's archive/tar, which
 * Docker and gitlab-runner use.
 */
export async function* readTar(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<TarEntry, void, void> {
  const source = new ByteSource(chunks);
  try {
    const global = new Map<string, Uint8Array>();
    for (;;) {
      const header = await nextHeader(source, global);
      if (header === undefined) break;
      let leftBytes = header.sizeBytes;
      const content = async function* (): AsyncGenerator<Uint8Array, void, void> {
        while (leftBytes > 0) {
          const chunk = await source.upTo(leftBytes);
          leftBytes -= chunk.byteLength;
          yield chunk;
        }
      };
      yield { ...header, content: content() };
      await source.skip(leftBytes + paddingBytes(header.sizeBytes));
    }
    await source.drain();
  } finally {
    await source.close();
  }
}

/** What preceding headers say about a member. */
interface Extensions {
  records: PaxRecords;
  longPath: string | undefined;
  longLink: string | undefined;
}

async function nextHeader(
  source: ByteSource,
  global: Map<string, Uint8Array>,
): Promise<TarHeader | undefined> {
  const extensions: Extensions = { records: global, longPath: undefined, longLink: undefined };
  for (;;) {
    const block = await source.block(BLOCK_BYTES);
    const raw = block === undefined ? undefined : decodeBlock(block);
    if (raw === undefined) return undefined;
    if (!EXTENSIONS.has(raw.flag)) return applied(raw, extensions);
    if (raw.sizeBytes > MAX_EXTENSION_BYTES) throw new Error('the header of a member is too long');
    const bytes = await source.exactly(raw.sizeBytes);
    await source.skip(paddingBytes(raw.sizeBytes));
    extend(extensions, { flag: raw.flag, bytes, global });
  }
}

const EXTENSIONS: ReadonlySet<string> = new Set(['x', 'g', 'L', 'K']);

function extend(
  extensions: Extensions,
  {
    flag,
    bytes,
    global,
  }: { readonly flag: string; readonly bytes: Buffer; readonly global: Map<string, Uint8Array> },
): void {
  switch (flag) {
    case 'x':
      extensions.records = new Map([...global, ...knownRecords(bytes)]);
      break;
    case 'g':
      for (const [key, value] of knownRecords(bytes)) global.set(key, value);
      break;
    case 'L':
      extensions.longPath = longName(bytes);
      break;
    case 'K':
      extensions.longLink = longName(bytes);
      break;
  }
}

const KNOWN_RECORDS: ReadonlySet<string> = new Set([
  'path',
  'linkpath',
  'uid',
  'gid',
  'mtime',
  'size',
]);

/** Returns only the records that are read. An archive may have any number of others. */
function knownRecords(bytes: Buffer): PaxRecords {
  const records = [...parsePax(bytes)];
  if (records.some(([key]) => key.startsWith('GNU.sparse.'))) throw sparseFault();
  return new Map(records.filter(([key]) => KNOWN_RECORDS.has(key)));
}

function sparseFault(): Error {
  return new Error('it contains a sparse file in an unknown format');
}

function longName(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return pathOfBytes(end === -1 ? bytes : bytes.subarray(0, end));
}

const KINDS: ReadonlyMap<string, TarHeader['kind']> = new Map([
  ['0', 'file'],
  ['\0', 'file'],
  ['7', 'file'],
  ['1', 'link'],
  ['2', 'symlink'],
  ['5', 'directory'],
]);

/** Kinds without content, whatever their size field says. */
const WITHOUT_CONTENT: ReadonlySet<string> = new Set(['1', '2', '3', '4', '5', '6']);

function applied(raw: RawHeader, { records, longPath, longLink }: Extensions): TarHeader {
  const path = nameIn(records, 'path') ?? longPath ?? raw.path;
  const kind = kindOf(raw.flag, path);
  const isLink = kind === 'link' || kind === 'symlink';
  return {
    path,
    kind,
    mode: raw.mode,
    uid: numberIn(records, 'uid') ?? raw.uid,
    gid: numberIn(records, 'gid') ?? raw.gid,
    modifiedMs: secondsMs(numberIn(records, 'mtime')) ?? raw.modifiedMs,
    sizeBytes: sizeOf(raw, { kind, records }),
    linkTarget: isLink ? (nameIn(records, 'linkpath') ?? longLink ?? raw.linkTarget) : '',
  };
}

/**
 * Returns the kind of a member. Before there was a kind for directories, their names ended with a
 * slash. Throws for a sparse file in GNU tar's old format.
 */
function kindOf(flag: string, path: string): TarHeader['kind'] {
  if (flag === 'S') throw sparseFault();
  if (flag === '\0' && path.endsWith('/')) return 'directory';
  return KINDS.get(flag) ?? 'other';
}

function sizeOf(
  raw: RawHeader,
  { kind, records }: Pick<TarHeader, 'kind'> & Pick<Extensions, 'records'>,
): number {
  if (kind === 'directory' || WITHOUT_CONTENT.has(raw.flag)) return 0;
  const sizeBytes = numberIn(records, 'size') ?? raw.sizeBytes;
  if (sizeBytes >= 0 && Number.isSafeInteger(sizeBytes)) return sizeBytes;
  throw new Error('invalid tar header');
}

function nameIn(records: PaxRecords, key: string): string | undefined {
  const value = records.get(key);
  return value === undefined || value.byteLength === 0 ? undefined : pathOfBytes(value);
}

function numberIn(records: PaxRecords, key: string): number | undefined {
  const text = nameIn(records, key);
  if (text === undefined) return undefined;
  if (!/^-?\d{1,15}(?:\.\d*)?$/.test(text)) throw new Error(`invalid pax header: ${key}`);
  return Number(text);
}

function secondsMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.floor(seconds) * 1000;
}
