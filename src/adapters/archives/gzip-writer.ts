import { createDeflateRaw } from 'node:zlib';
import type { FileMember } from '../../ports/index.ts';
import { percentEncodePath } from '../../domain/files/path-bytes.ts';
import { archiveFault, quoted } from './faults.ts';
import { summedContent } from './summed-content.ts';
import { through } from './through.ts';

const HAS_NAME = 1 << 3;
const HAS_COMMENT = 1 << 4;
const UNIX = 3;

/**
 * Packs each file as a gzip member of its own, one after the other, because GitLab reads reports
 * like that. The header has the file's name and, as its comment, the path. Source: gitlab-runner
 * `helpers/archives/gzip_create.go`.
 */
export async function* gzipOf(
  members: AsyncIterable<FileMember>,
  level: number,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const member of members) {
    if (member.kind === 'directory') continue;
    if (member.kind === 'symlink')
      throw archiveFault(`${quoted(member.path)} is not a regular file`);
    yield* gzipMember(member, level);
  }
}

async function* gzipMember(
  member: FileMember,
  level: number,
): AsyncGenerator<Uint8Array, void, void> {
  const summed = summedContent(member);
  yield header(member);
  yield* through(summed.content, createDeflateRaw({ level }));
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(summed.sum, 0);
  trailer.writeUInt32LE(member.sizeBytes % 2 ** 32, 4);
  yield trailer;
}

/** Builds the header by RFC 1952, because node:zlib writes a header without a name. */
function header({ path, modifiedMs }: FileMember): Buffer {
  const seconds = Math.floor(modifiedMs / 1000);
  const head = Buffer.from([0x1f, 0x8b, 8, HAS_NAME | HAS_COMMENT, 0, 0, 0, 0, 0, UNIX]);
  head.writeUInt32LE(seconds > 0 && seconds < 2 ** 32 ? seconds : 0, 4);
  const name = path.slice(path.lastIndexOf('/') + 1);
  return Buffer.concat([head, Buffer.from(`${latin(name)}\0${latin(path)}\0`, 'latin1')]);
}

/**
 * Encodes a text as Latin-1, as headers require. Characters beyond ASCII are percent-encoded and
 * marked as such.
 */
function latin(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) && !text.includes('%') ? text : `e:${escapePath(text)}`;
}

/** Escapes like Go's url.PathEscape. */
function escapePath(text: string): string {
  return percentEncodePath(text)
    .replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(?:24|26|2B|3A|3D|40)/g, decodeURIComponent);
}
