import { constants } from 'node:fs';
import { chmod, lstat, open, type FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { StageWait } from '../../ports/index.ts';
import { makeFile } from './durable-files.ts';
import type { PipeStock } from './pipe-stock.ts';
import { hasBegun, readState, whenBegun } from './stage-state-file.ts';
import { errorCode } from '../host/error-code.ts';

/** Mode of files that the container reads as any user. */
export const READABLE_BY_JOB = 0o644;
/** A container that notices the pipe begins its stage within milliseconds. */
const PATIENCE_MS = 30_000;

export interface WaitingFiles {
  readonly nextStage: string;
  readonly wakePipe: string;
}

/**
 * Makes the named pipe when it is absent, after the file that names the stage, and returns its path
 * on the node. Returns undefined when the stock cannot give one.
 */
export async function makeWakePipe(
  { nextStage, wakePipe }: WaitingFiles,
  pipes: PipeStock,
): Promise<string | undefined> {
  if (await isPipe(wakePipe)) return wakePipe;
  await makeFile(nextStage, READABLE_BY_JOB);
  await pipes.place(wakePipe);
  return (await isPipe(wakePipe)) ? wakePipe : undefined;
}

async function isPipe(file: string): Promise<boolean> {
  const stats = await lstat(file).catch(() => undefined);
  return stats?.isFIFO() ?? false;
}

export interface WakeFiles {
  readonly wakePipe: string;
  readonly state: string;
}

/**
 * Writes a line to the pipe and holds the pipe open until the stage has begun, because an unread
 * line is lost with the last process that holds the pipe. This never blocks: opening for reading
 * and writing does not wait for the other end, and a full pipe already wakes the container.
 */
export async function wakeContainer(
  { wakePipe, state }: WakeFiles,
  { nonce, signal }: StageWait,
  patienceMs = PATIENCE_MS,
): Promise<'unnoticed' | undefined> {
  if (hasBegun(await readState(state), nonce)) return undefined;
  const pipe = await openPipe(wakePipe);
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  try {
    await pipe?.write('\n').catch(ignoreFullPipe);
    const patience = delay(patienceMs, 'unnoticed' as const, { signal: either });
    const result = await Promise.race([
      whenBegun(state, { nonce, signal: either }).then(() => undefined),
      patience.catch(() => undefined),
    ]);
    // This process may have been stopped for a while, so that its time is over although the stage
    // has begun.
    return hasBegun(await readState(state), nonce) ? undefined : result;
  } finally {
    over.abort();
    await pipe?.close();
  }
}

/**
 * Opens the pipe. Returns undefined when the container cannot notice it, for example because
 * somebody has replaced the pipe.
 */
async function openPipe(wakePipe: string): Promise<FileHandle | undefined> {
  if (!(await isPipe(wakePipe))) return undefined;
  // The job may have changed the mode.
  await chmod(wakePipe, READABLE_BY_JOB).catch(() => undefined);
  const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;
  return open(wakePipe, O_RDWR | O_NONBLOCK | O_NOFOLLOW).catch(() => undefined);
}

function ignoreFullPipe(error: unknown): void {
  if (errorCode(error) !== 'EAGAIN') throw error;
}
