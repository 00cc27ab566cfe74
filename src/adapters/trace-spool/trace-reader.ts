import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { Clock } from '../../ports/index.ts';
import { isThere } from '../state/durable-files.ts';
import { watchChanges } from './changes.ts';
import { errorCode } from '../host/error-code.ts';

export interface TraceReading {
  /** The directory of the build. */
  readonly directory: string;
  readonly output: Writable;
  /**
   * True: continues until the node removes the build, which it does when GitLab has the whole
   * trace.
   */
  readonly isFollowed: boolean;
  readonly clock: Clock;
}

const READ_AT_ONCE_BYTES = 64 * 1024;
/** A followed trace ends when its file is gone. */
const NEVER = new AbortController().signal;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;

/**
 * Copies the masked trace of a build in another process than the one that writes it. Returns false
 * when this node has no trace of the build.
 */
export async function copyTrace(reading: TraceReading): Promise<boolean> {
  const file = await openIfThere(traceOf(reading));
  if (file === undefined) return false;
  try {
    await (reading.isFollowed ? follow(file, reading) : copyRest(file, 0, reading.output));
    return true;
  } finally {
    await file.close();
  }
}

/** The open file keeps its last bytes readable after the node has removed the directory. */
async function follow(file: FileHandle, reading: TraceReading): Promise<void> {
  const { output, clock } = reading;
  const path = traceOf(reading);
  const changes = watchChanges(path, clock, NEVER);
  try {
    let position = 0;
    for (;;) {
      const isWritten = await isThere(path);
      position = await copyRest(file, position, output);
      if (!isWritten) return;
      await changes.next();
    }
  } finally {
    changes.close();
  }
}

function traceOf({ directory }: Pick<TraceReading, 'directory'>): string {
  return join(directory, 'trace');
}

/**
 * Copies the rest of the file. Returns where it ended. After a crash the node may have cut off
 * bytes that it writes again.
 */
async function copyRest(file: FileHandle, from: number, output: Writable): Promise<number> {
  let position = Math.min(from, (await file.stat()).size);
  const buffer = Buffer.alloc(READ_AT_ONCE_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return position;
    position += bytesRead;
    const bytes = Buffer.from(buffer.subarray(0, bytesRead));
    if (!output.write(bytes)) await once(output, 'drain');
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, FLAGS).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}
