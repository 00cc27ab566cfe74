import { mkdir, open, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Log } from '../../ports/index.ts';
import { createKeyedMutex } from '../host/keyed-mutex.ts';
import type { CacheUses } from '../../ports/cache-volumes.ts';
import { errorCode } from '../host/error-code.ts';

export interface CacheUsesOptions {
  /** The directory of the files. Created when absent. */
  readonly directory: string;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Log;
}

/**
 * Keeps one empty file for each volume. Its modification time is the last use, so a person can read
 * and change it.
 */
export async function createCacheUses(options: CacheUsesOptions): Promise<CacheUses> {
  const { directory, log } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const withLocks = createKeyedMutex();
  const alone = <T>(volume: string, work: () => Promise<T>): Promise<T> =>
    withLocks({ keys: [volume] }, work);
  return {
    noteUse: (volume) =>
      alone(volume, async () => {
        try {
          await touch(volume, options);
        } catch (error) {
          // The disk is full. The build itself will report that. The cache may be removed too
          // early.
          log.warn('use of a cache volume not noted', { volume, error });
        }
      }),
    lastUseMs: (volume) => alone(volume, () => readOrTouch(volume, options)),
    removeUnlessUsed: (volume, sinceMs, remove) =>
      alone(volume, async () => {
        if ((await readOrTouch(volume, options)) >= sinceMs || !(await remove())) return false;
        await rm(join(directory, volume), { force: true });
        return true;
      }),
    forgetOthers: async (volumes, sinceMs) => {
      for (const name of await readdir(directory)) {
        if (volumes.has(name)) continue;
        await alone(name, async () => {
          const lastMs = await read(name, options);
          if (lastMs !== undefined && lastMs < sinceMs) await rm(join(directory, name));
        });
      }
    },
  };
}

async function readOrTouch(volume: string, options: CacheUsesOptions): Promise<number> {
  return (await read(volume, options)) ?? touch(volume, options);
}

async function read(volume: string, { directory }: CacheUsesOptions): Promise<number | undefined> {
  try {
    return (await stat(join(directory, volume))).mtimeMs;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function touch(volume: string, { directory, clock }: CacheUsesOptions): Promise<number> {
  const nowMs = clock.nowMs();
  const file = join(directory, volume);
  await (await open(file, 'a', 0o600)).close();
  await utimes(file, nowMs / 1000, nowMs / 1000);
  return nowMs;
}
