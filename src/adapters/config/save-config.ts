import { randomBytes } from 'node:crypto';
import { chown, mkdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { syncDirectory } from '../state/durable-files.ts';
import { readConfigFile } from './read-config-file.ts';

/** Limits the tries, because another command may write at the same moment, but not for long. */
const MAX_ATTEMPTS = 5;

/**
 * Changes the config file (0600, in a directory of 0700 that is created when absent). After a crash
 * it has the old or the new content, never a mix. `edit` is called again when somebody else changed
 * the file meanwhile.
 */
export async function editConfigFile(path: string, edit: (text: string) => string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // Links are followed, so that a link stays one.
    const target = await realpath(path).catch(() => path);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const { text } = await readConfigFile(target);
      if (await replace(target, { before: text, after: edit(text) })) return;
    }
    throw new Error('another process keeps changing it');
  } catch (error) {
    if (error instanceof FinalError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FinalError(FailureType.InvalidConfig, `${path}: cannot be saved: ${reason}`, {
      cause: error,
    });
  }
}

/** Returns false when the file has changed since it was read. */
async function replace(
  path: string,
  { before, after }: { readonly before: string; readonly after: string },
): Promise<boolean> {
  const draft = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(draft, after, { mode: 0o600, flush: true });
    await keepOwner(path, draft);
    if ((await readConfigFile(path)).text !== before) return false;
    await rename(draft, path);
    await syncDirectory(dirname(path));
    return true;
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Gives the draft the owner of the file. Root may edit the file of a service that runs as another
 * user, and that user must still be able to read it.
 */
async function keepOwner(path: string, draft: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const owner = await stat(path).catch(() => undefined);
  if (owner !== undefined) await chown(draft, owner.uid, owner.gid);
}
