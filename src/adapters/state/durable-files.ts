import { chmod, open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function readTextIfThere(file: string): Promise<string | undefined> {
  return (await readIfThere(file))?.toString();
}

/**
 * Replaces the file atomically and durably: after a power cut it has the old or the new content.
 */
export async function writeDurably(file: string, content: Uint8Array): Promise<void> {
  await writeFile(draftOf(file), content, { mode: 0o600, flush: true });
  await chmod(draftOf(file), 0o600); // a leftover draft may have another mode
  await rename(draftOf(file), file);
  await syncDirectory(join(file, '..'));
}

export function draftOf(file: string): string {
  return `${file}.tmp`;
}

export async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

export async function syncIfThere(directory: string): Promise<void> {
  if (await isThere(directory)) await syncDirectory(directory);
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
