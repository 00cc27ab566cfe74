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
/** A container that notices the bell begins its stage within milliseconds. */
const PATIENCE_MS = 30_000;

export interface WaitingFiles {
  readonly turn: string;
  readonly bell: string;
}

/**
 * Makes the named pipe when it is absent, after the file that names the stage, and returns its path
 * on the node. Returns undefined when the stock cannot give one.
 */
export async function makeBell(
  { turn, bell }: WaitingFiles,
  pipes: PipeStock,
): Promise<string | undefined> {
  if (await isPipe(bell)) return bell;
  await makeFile(turn, READABLE_BY_JOB);
  await pipes.place(bell);
  return (await isPipe(bell)) ? bell : undefined;
}

async function isPipe(file: string): Promise<boolean> {
  const stats = await lstat(file).catch(() => undefined);
  return stats?.isFIFO() ?? false;
}

export interface BellFiles {
  readonly bell: string;
  readonly state: string;
}

/**
 * Writes a line to the pipe and holds the pipe open until the stage has begun, because an unread
 * line is lost with the last process that holds the pipe. This never blocks: opening for reading
 * and writing does not wait for the other end, and a full pipe already wakes the container.
 */
export async function ringBell(
  { bell, state }: BellFiles,
  { nonce, signal }: StageWait,
  patienceMs = PATIENCE_MS,
): Promise<'unheard' | undefined> {
  if (hasBegun(await readState(state), nonce)) return undefined;
  const pipe = await openBell(bell);
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  try {
    await pipe?.write('\n').catch(ignoreFullPipe);
    const patience = delay(patienceMs, 'unheard' as const, { signal: either });
    const heard = await Promise.race([
      whenBegun(state, { nonce, signal: either }).then(() => undefined),
      patience.catch(() => undefined),
    ]);
    // This process may have been stopped for a while, so that its time is over although the stage
    // has begun.
    return hasBegun(await readState(state), nonce) ? undefined : heard;
  } finally {
    over.abort();
    await pipe?.close();
  }
}

/**
 * Opens the pipe. Returns undefined when the container cannot notice it, for example because
 * somebody has replaced the pipe.
 */
async function openBell(bell: string): Promise<FileHandle | undefined> {
  if (!(await isPipe(bell))) return undefined;
  // The job may have changed the mode.
  await chmod(bell, READABLE_BY_JOB).catch(() => undefined);
  const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;
  return open(bell, O_RDWR | O_NONBLOCK | O_NOFOLLOW).catch(() => undefined);
}

function ignoreFullPipe(error: unknown): void {
  if (errorCode(error) !== 'EAGAIN') throw error;
}
