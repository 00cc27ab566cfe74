import { statfs } from 'node:fs/promises';
import type { Log } from '../../ports/index.ts';
import { RESERVE_BYTES, RESERVE_SHARE } from '../../adapters/host/free-space.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import { lookEvery } from './repeated-look.ts';

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
const PAUSE_REASON = 'disk';

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
  readonly capacity: Pick<ResizableCapacity, 'pause' | 'unpause'>;
  readonly log: Log;
}

/**
 * Pauses job requests while the disk of `directory` is nearly full. Returns a function that stops
 * watching.
 */
export async function watchDisk(watch: DiskWatch): Promise<() => Promise<void>> {
  let shortage: string | undefined;
  const look = async (): Promise<void> => {
    const found = findShortage(await readDiskSpace(watch.directory));
    if (found === shortage) return;
    if (found === undefined) watch.capacity.unpause(PAUSE_REASON);
    else watch.capacity.pause(PAUSE_REASON);
    logShortage(watch, found);
    shortage = found;
  };
  const { log, directory } = watch;
  const lookQuietly = (): Promise<void> =>
    look().catch((error: unknown) => {
      log.warn('free space not known', { directory, error });
    });
  await lookQuietly();
  return lookEvery(LOOK_MS, lookQuietly);
}

function logShortage({ log, directory }: DiskWatch, shortage: string | undefined): void {
  if (shortage === undefined) log.info('there is room again, jobs are asked for', { directory });
  else
    log.error('the disk is full, no job is asked for until it has room', { directory, shortage });
}

async function readDiskSpace(directory: string): Promise<DiskSpace> {
  const { bsize, bavail, blocks, ffree, files } = await statfs(directory);
  return {
    bytes: { free: bavail * bsize, total: blocks * bsize },
    files: { free: ffree, total: files },
  };
}
