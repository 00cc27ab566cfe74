import { statfs } from 'node:fs/promises';
import type { Log } from '../../ports/index.ts';
import { RESERVE_BYTES, RESERVE_SHARE } from '../../adapters/host/free-space.ts';
import { pauseWhile, type PausableCapacity } from './pause-while.ts';

/** Total and free bytes or inodes of a file system. */
export interface FreeCount {
  readonly free: number;
  /** 0 when the file system does not report it. */
  readonly total: number;
}

export interface DiskSpace {
  readonly bytes: FreeCount;
  readonly files: FreeCount;
}

const MIN_FREE_FILES = 1_000;
const LOOK_MS = 2_000;

/** Returns what is short; undefined when there is room for another job. */
export function findShortage({ bytes, files }: DiskSpace): 'space' | 'inodes' | undefined {
  if (isShort(bytes, RESERVE_BYTES)) return 'space';
  return isShort(files, MIN_FREE_FILES) ? 'inodes' : undefined;
}

function isShort({ free, total }: FreeCount, least: number): boolean {
  return total > 0 && free < Math.min(least, total * RESERVE_SHARE);
}

export interface DiskWatch {
  readonly directory: string;
  readonly capacity: PausableCapacity;
  readonly log: Log;
}

/**
 * Pauses job requests while the disk of `directory` is nearly full. Returns a function that stops
 * watching.
 */
export function watchDisk({ directory, capacity, log }: DiskWatch): Promise<() => Promise<void>> {
  return pauseWhile(capacity, {
    reason: 'disk',
    intervalMs: LOOK_MS,
    look: async () => findShortage(await readDiskSpace(directory)),
    tell: (shortage) => {
      if (shortage === undefined)
        return log.info('there is room again, jobs are asked for', { directory });
      const fields = { directory, shortage };
      log.error('the disk is full, no job is asked for until it has room', fields);
    },
    onFault: (error) => log.warn('free space not known', { directory, error }),
  });
}

async function readDiskSpace(directory: string): Promise<DiskSpace> {
  const { bsize, bavail, blocks, ffree, files } = await statfs(directory);
  return {
    bytes: { free: bavail * bsize, total: blocks * bsize },
    files: { free: ffree, total: files },
  };
}
