import { watch } from 'node:fs';
import { errorCode } from './error-code.ts';

/**
 * Calls `onChange` when the file may have changed, until the returned function is called. Changes
 * may go unreported: the machine's user may have no watches left (ENOSPC, EMFILE), and overlay and
 * network file systems do not report them. So the caller must also poll. Throws only when there is
 * no file.
 */
export function watchFile(path: string, onChange: () => void): () => void {
  try {
    const watcher = watch(path, onChange);
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw error;
    return () => undefined;
  }
}
