import type { Log } from '../../ports/index.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import { readOpenFiles } from '../../adapters/host/open-files.ts';
import {
  areFilesShort,
  buildsWithin,
  MORE_FILES,
  type OpenFiles,
} from '../../domain/runner/open-files.ts';

// Node itself does not survive it when a workflow is to take its next step and the process may open
// no more files: so it must never come to that.

const LOOK_MS = 2_000;
const PAUSE_REASON = 'open files';

/** How many builds the limit of open files allows. */
export async function readFileAllowance(): Promise<number> {
  const open = await readOpenFiles();
  return open === undefined ? Infinity : buildsWithin(open.limit);
}

/** `concurrent`, as far as the allowance goes. What is cut is told. */
export function limitBuilds(concurrent: number, allowance: number, log: Log): number {
  if (concurrent <= allowance) return concurrent;
  log.warn('fewer builds at once than `concurrent` says: the limit of open files allows no more', {
    ...{ concurrent, builds: allowance, remedy: MORE_FILES },
  });
  return allowance;
}

export interface OpenFilesWatch {
  readonly capacity: Pick<ResizableCapacity, 'pause' | 'unpause'>;
  readonly log: Log;
}

/** Takes no new jobs while there are too few files to spare. Returns how to stop looking. */
export function watchOpenFiles({ capacity, log }: OpenFilesWatch): () => Promise<void> {
  let wasShort = false;
  const look = async (): Promise<void> => {
    const open = await readOpenFiles();
    const isShort = open !== undefined && areFilesShort(open);
    if (isShort === wasShort) return;
    wasShort = isShort;
    if (isShort) capacity.pause(PAUSE_REASON);
    else capacity.unpause(PAUSE_REASON);
    tell(log, isShort, open);
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      log.warn('open files not counted', { error });
    });
  }, LOOK_MS);
  return () => {
    clearInterval(timer);
    return Promise.resolve();
  };
}

function tell(log: Log, isShort: boolean, open: OpenFiles | undefined): void {
  const fields = { used: open?.used, limit: open?.limit };
  if (isShort)
    log.error('too many files are open, no job is asked for until there are fewer', fields);
  else log.info('there are files to spare again, jobs are asked for', fields);
}
