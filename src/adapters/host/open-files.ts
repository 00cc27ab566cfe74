import { readdir, readFile } from 'node:fs/promises';
import type { OpenFiles } from '../../domain/runner/open-files.ts';
import { errorCode } from './error-code.ts';

const TOO_MANY: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE']);

/**
 * Reads the number of open files of this process; undefined where there is no /proc, or no limit.
 */
export async function readOpenFiles(): Promise<OpenFiles | undefined> {
  const limit = await readLimit();
  if (limit === undefined) return undefined;
  try {
    return { used: (await readdir('/proc/self/fd')).length, limit };
  } catch (error) {
    // Counting opens one more file, so this error means that the limit is reached.
    if (TOO_MANY.has(errorCode(error))) return { used: limit, limit };
    throw error;
  }
}

let lastLimit: number | undefined;

/**
 * Reads the soft limit, which Node raises to the hard one at its start. Returns the last known
 * value when it cannot be read.
 */
async function readLimit(): Promise<number | undefined> {
  try {
    const limits = await readFile('/proc/self/limits', 'utf8');
    const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
    lastLimit = soft === undefined ? undefined : Number(soft);
  } catch (error) {
    if (!TOO_MANY.has(errorCode(error))) return undefined;
  }
  return lastLimit;
}
