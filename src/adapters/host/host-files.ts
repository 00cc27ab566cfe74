import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import type { HostFiles } from '../../ports/host-files.ts';

export function createHostFiles(): HostFiles {
  return {
    open: async (path) => {
      const { size } = await stat(path);
      return { sizeBytes: size, content: read(path, size) };
    },
    remove: (path) => rm(path, { force: true }),
  };
}

/** Opens the file only when it is read, so that an unused one needs no closing. */
async function* read(path: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  if (sizeBytes > 0) yield* createReadStream(path, { end: sizeBytes - 1 });
}
