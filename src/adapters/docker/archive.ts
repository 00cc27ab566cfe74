import { pack } from 'tar-stream';
import type { ArchiveEntry } from '../../ports/index.ts';

/**
 * Packs these entries into a tar, all owned by root. The tar is held in memory, as the contents
 * already are.
 */
export async function packArchive(entries: readonly ArchiveEntry[]): Promise<Buffer> {
  const archive = pack();
  for (const { path, type, mode, content } of entries) {
    const header = {
      name: path.replace(/^\/+/, ''),
      type,
      mode,
      uid: 0,
      gid: 0,
      mtime: new Date(),
    };
    if (header.name === '') continue;
    archive.entry(header, type === 'file' ? Buffer.from(content ?? []) : '');
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
