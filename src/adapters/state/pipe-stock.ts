import { execFile } from 'node:child_process';
import { link, mkdir, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errorCode } from '../host/error-code.ts';

const run = promisify(execFile);

/** How many pipes one process of `mkfifo` makes. */
const AT_ONCE = 32;

/**
 * A stock of unused named pipes. Node has no call that makes a named pipe, and starting `mkfifo`
 * costs a process of this size about 10 ms of CPU, so one start makes many pipes.
 */
export interface PipeStock {
  /**
   * Puts a pipe with the stock's mode at this path, unless something is there already. Does nothing
   * when that is not possible: there may be no `mkfifo`, or the file system may not support pipes.
   */
  place(file: string): Promise<void>;
}

export interface PipeStockOptions {
  /** The directory of the unused pipes. The stock creates it when it is needed. */
  readonly directory: string;
  /** Access mode of each pipe, for example 0o644. */
  readonly mode: number;
}

export function createPipeStock({ directory, mode }: PipeStockOptions): PipeStock {
  let waiting: string[] = [];
  let making: Promise<void> | undefined;
  let batches = 0;

  const makePipes = async (files: readonly string[]): Promise<void> => {
    await run('mkfifo', ['-m', mode.toString(8), ...files]);
  };
  const refill = async (): Promise<void> => {
    batches += 1;
    const batch = batches;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const files = Array.from({ length: AT_ONCE }, (_, index) => `${directory}/${batch}-${index}`);
    await makePipes(files);
    waiting = files;
  };
  /** Returns an unused pipe. Concurrent calls wait for the same `mkfifo` process. */
  const take = async (): Promise<string> => {
    for (;;) {
      const pipe = waiting.pop();
      if (pipe !== undefined) return pipe;
      making ??= refill().finally(() => (making = undefined));
      await making;
    }
  };
  const remove = async (pipe: string): Promise<void> => {
    try {
      await unlink(pipe);
    } catch (error) {
      // Somebody has deleted the unused pipes.
      waiting = [];
      throw error;
    }
  };
  const placeWaiting = async (file: string): Promise<void> => {
    const pipe = await take();
    try {
      // Unlike `rename`, `link` does not replace a pipe that another call has put there meanwhile.
      await link(pipe, file);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    } finally {
      await remove(pipe);
    }
  };
  return {
    place: (file) =>
      placeWaiting(file)
        // The unused pipes may be gone, or on another file system than the path.
        .catch(() => makePipes([file]))
        .catch(() => undefined),
  };
}
