import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';

const PROGRAM = 'temporal';

/**
 * Extracts one program from a `.tar.gz` to `path`, atomically. Throws when the archive is broken or
 * lacks the program.
 */
export async function unpackProgram(
  archive: Readable,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const draft = `${path}.${process.pid}`;
  const entries = extract();
  const names = new Set<string>();
  entries.on('entry', ({ name }, content, next) => {
    names.add(name);
    if (name !== PROGRAM) {
      content.on('end', next).resume();
      return;
    }
    pipeline(content, createWriteStream(draft, { mode: 0o755 })).then(() => next(), next);
  });
  try {
    await pipeline(archive, createGunzip(), entries, { signal });
    if (!names.has(PROGRAM)) throw new Error(`no program "${PROGRAM}" in the archive`);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}
