import { readdir, lstat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Returns the bytes of all files below a directory. Files that vanish meanwhile are not counted.
 */
export async function directorySize(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return directorySize(path);
      if (!entry.isFile()) return 0;
      return lstat(path).then(
        ({ size }) => size,
        () => 0,
      );
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
