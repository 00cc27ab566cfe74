import type { Log } from '../../ports/index.ts';
import { readOpenFiles } from '../../adapters/host/open-files.ts';
import {
  areFilesShort,
  buildsWithin,
  MORE_FILES,
  type OpenFiles,
} from '../../domain/runner/open-files.ts';
import { pauseWhile, type PausableCapacity } from './pause-while.ts';

// Node crashes when a workflow must take its next step and the process may open no more files. This
// watch prevents that.

const LOOK_MS = 2_000;

/** Reads how many builds the limit of open files allows. */
export async function readFileAllowance(): Promise<number> {
  const open = await readOpenFiles();
  return open === undefined ? Infinity : buildsWithin(open.limit);
}

/** Returns `concurrent`, reduced to the allowance. A reduction is logged. */
export function limitBuilds(concurrent: number, allowance: number, log: Log): number {
  if (concurrent <= allowance) return concurrent;
  log.warn('fewer builds at once than `concurrent` says: the limit of open files allows no more', {
    concurrent,
    builds: allowance,
    remedy: MORE_FILES,
  });
  return allowance;
}

export interface OpenFilesWatch {
  readonly capacity: PausableCapacity;
  readonly log: Log;
}

/**
 * Pauses job requests while too few files are available. Returns a function that stops watching.
 */
export function watchOpenFiles({ capacity, log }: OpenFilesWatch): Promise<() => Promise<void>> {
  let open: OpenFiles | undefined;
  return pauseWhile(capacity, {
    reason: 'open files',
    intervalMs: LOOK_MS,
    look: async () => {
      open = await readOpenFiles();
      return open !== undefined && areFilesShort(open) ? 'short' : undefined;
    },
    tell: (why) => {
      const fields = { used: open?.used, limit: open?.limit };
      if (why === undefined)
        return log.info('there are files to spare again, jobs are asked for', fields);
      log.error('too many files are open, no job is asked for until there are fewer', fields);
    },
    onFault: (error) => log.warn('open files not counted', { error }),
  });
}
