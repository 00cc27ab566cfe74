import type { Log } from '../../ports/index.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import { readOpenFiles } from '../../adapters/host/open-files.ts';
import {
  areFilesShort,
  buildsWithin,
  MORE_FILES,
  type OpenFiles,
} from '../../domain/runner/open-files.ts';
import { lookEvery } from './repeated-look.ts';

// Node crashes when a workflow must take its next step and the process may open no more files. This
// watch prevents that.

const LOOK_MS = 2_000;
const PAUSE_REASON = 'open files';

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
  readonly capacity: Pick<ResizableCapacity, 'pause' | 'unpause'>;
  readonly log: Log;
}

/**
 * Pauses job requests while too few files are available. Returns a function that stops watching.
 */
export function watchOpenFiles({ capacity, log }: OpenFilesWatch): () => Promise<void> {
  let wasShort = false;
  const look = async (): Promise<void> => {
    const open = await readOpenFiles();
    const isShort = open !== undefined && areFilesShort(open);
    if (isShort === wasShort) return;
    wasShort = isShort;
    if (isShort) capacity.pause(PAUSE_REASON);
    else capacity.unpause(PAUSE_REASON);
    logShortage(log, isShort, open);
  };
  return lookEvery(LOOK_MS, () =>
    look().catch((error: unknown) => {
      log.warn('open files not counted', { error });
    }),
  );
}

function logShortage(log: Log, isShort: boolean, open: OpenFiles | undefined): void {
  const fields = { used: open?.used, limit: open?.limit };
  if (isShort)
    log.error('too many files are open, no job is asked for until there are fewer', fields);
  else log.info('there are files to spare again, jobs are asked for', fields);
}
