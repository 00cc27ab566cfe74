import { gunzipSync } from 'node:zlib';
import { fromBuffer, type Entry, type ZipFile } from 'yauzl';
import type { FakeArtifact } from './fake-gitlab/types.ts';

/** Returns the content of an upload in comparable form: see `ExpectedArtifact.holds`. */
export async function contentOf({
  format,
  content,
}: FakeArtifact): Promise<Readonly<Record<string, string>> | string> {
  switch (format) {
    case 'zip':
      return Object.fromEntries(
        (await readZip(content)).map(({ path, kind, bytes }) => [
          path,
          kind === 'link' ? `-> ${bytes.toString()}` : bytes.toString(),
        ]),
      );
    case 'gzip':
      return gunzipSync(content).toString();
    default:
      return content.toString();
  }
}

export interface ZipMember {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link';
  readonly mode: number;
  readonly bytes: Buffer;
}

/** Reads a zip with a different library from the one that packed it. */
export async function readZip(archive: Buffer): Promise<readonly ZipMember[]> {
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    fromBuffer(archive, { lazyEntries: true }, (error, opened) => {
      if (error !== null) reject(error);
      else resolve(opened);
    });
  });
  const members: ZipMember[] = [];
  return new Promise((resolve, reject) => {
    zip.on('error', reject);
    zip.on('end', () => resolve(members));
    zip.on('entry', (entry: Entry) => {
      readEntry(zip, entry).then((member) => {
        members.push(member);
        zip.readEntry();
      }, reject);
    });
    zip.readEntry();
  });
}

const KINDS: Readonly<Record<number, ZipMember['kind']>> = { 0o04: 'directory', 0o12: 'link' };

async function readEntry(zip: ZipFile, entry: Entry): Promise<ZipMember> {
  const { fileName: path, externalFileAttributes } = entry;
  const unixMode = externalFileAttributes >>> 16;
  const kind = path.endsWith('/') ? 'directory' : (KINDS[unixMode >>> 12] ?? 'file');
  const chunks: Buffer[] = [];
  if (kind !== 'directory') {
    const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      zip.openReadStream(entry, (error, opened) => {
        if (error !== null) reject(error);
        else resolve(opened);
      });
    });
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  }
  return { path, kind, mode: unixMode & 0o7777, bytes: Buffer.concat(chunks) };
}
