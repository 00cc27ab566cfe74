import { chmod, open, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../host/error-code.ts';

export async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
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
  const draft = draftOf(file);
  await writeNew(draft, content).catch(async (error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
    // A process that died during its write left this draft, perhaps with another mode.
    await unlink(draft);
    await writeNew(draft, content);
  });
  await rename(draft, file);
  await syncDirectory(join(file, '..'));
}

/**
 * Writes a new file with its mode. The mode needs no second call, because no node could run with a
 * umask that removes permissions of the owner.
 */
function writeNew(draft: string, content: Uint8Array): Promise<void> {
  return writeFile(draft, content, { flag: 'wx', mode: 0o600, flush: true });
}

/**
 * Makes an empty file when there is none. Always sets the mode, because the umask or somebody may
 * have changed it.
 */
export async function makeFile(file: string, mode: number): Promise<void> {
  await (await open(file, 'a', 0o600)).close();
  await chmod(file, mode);
}

export function draftOf(file: string): string {
  return `${file}.tmp`;
}

export async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

export async function syncIfThere(directory: string): Promise<void> {
  await syncDirectory(directory).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
  });
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
