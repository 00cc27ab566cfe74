import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage } from '../../domain/error-message.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { errorCode } from '../host/error-code.ts';
import { syncDirectory } from '../state/durable-files.ts';
import { readConfigFile } from './read-config-file.ts';

/** Limits the tries, because another command may write at the same moment, but not for long. */
const MAX_ATTEMPTS = 5;

/**
 * Changes the config file (0600, in a directory of 0700 that is created when absent). After a crash
 * it has the old or the new content, never a mix, unless the file is a mount. `edit` is called again
 * when somebody else changed the file meanwhile.
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
    const reason = errorMessage(error);
    throw new FinalError(FailureType.InvalidConfig, `${path}: cannot be saved: ${reason}`, {
      cause: error,
    });
  }
}

interface Edited {
  readonly before: string;
  readonly after: string;
}

/** Returns false when the file has changed since it was read. */
async function replace(path: string, { before, after }: Edited): Promise<boolean> {
  const draft = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(draft, after, { mode: 0o600, flush: true });
    await keepRights(path, draft);
    if ((await readConfigFile(path)).text !== before) return false;
    await rename(draft, path).catch(async (error: unknown) => {
      // A file that is mounted by itself, as in a container, cannot be replaced.
      if (errorCode(error) !== 'EBUSY') throw error;
      await overwrite(path, { before, after });
    });
    await syncDirectory(dirname(path));
    return true;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Writes into the file itself. A failed write, on a full disk for example, is taken back. */
async function overwrite(path: string, { before, after }: Edited): Promise<void> {
  try {
    await writeInPlace(path, after);
  } catch (error) {
    await writeInPlace(path, before).catch(() => undefined);
    throw error;
  }
}

/** Shortens the file at the end only, so that it is never empty for a reader or after a crash. */
async function writeInPlace(path: string, text: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.writeFile(text);
    await file.truncate(Buffer.byteLength(text));
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Gives the draft the owner, the group and the mode of the file. Root may edit the file of a
 * service that runs as another user, and that user must still be able to read it. A file that is
 * open to all is closed.
 */
async function keepRights(path: string, draft: string): Promise<void> {
  const file = await stat(path).catch(() => undefined);
  if (file === undefined) return;
  if (process.getuid?.() === 0) await chown(draft, file.uid, file.gid);
  // Users may give a file to their own groups only.
  else await chown(draft, -1, file.gid).catch(() => undefined);
  const isSameGroup = (await stat(draft)).gid === file.gid;
  if (isSameGroup && (file.mode & 0o007) === 0) await chmod(draft, file.mode & 0o777);
}
