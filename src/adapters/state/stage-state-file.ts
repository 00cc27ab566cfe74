import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isStageOver } from '../../domain/script/stage-state.ts';
import type { StageWait } from '../../ports/index.ts';
import { errorCode } from '../host/error-code.ts';
import { watchFile } from '../host/watch-file.ts';

/** Room for two lines with a nonce, and the rest of a longer content. */
const MAX_STATE_BYTES = 256;
const FIRST_LOOK_MS = 100;
const MAX_LOOK_MS = 1_000;

export function hasBegun(text: string, nonce: string): boolean {
  return text.startsWith(nonce);
}

export function whenBegun(file: string, { nonce, signal }: StageWait): Promise<void> {
  return whenState(file, (text) => hasBegun(text, nonce), signal);
}

export function whenOver(file: string, { nonce, signal }: StageWait): Promise<void> {
  return whenState(file, (text) => isStageOver(text, nonce), signal);
}

async function whenState(
  file: string,
  isReached: (text: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  let wake = (): void => undefined;
  const stopWatching = watchFile(file, () => wake());
  try {
    for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(lookMs * 1.5, MAX_LOOK_MS)) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (signal.aborted || isReached(await readState(file))) return;
      const poll = new AbortController();
      const options = { signal: AbortSignal.any([signal, poll.signal]) };
      await Promise.race([woken, delay(lookMs, undefined, options).catch(() => undefined)]);
      poll.abort();
    }
  } finally {
    stopWatching();
  }
}

/** Reads only the beginning of the file, because the job can write any amount to it. */
export async function readState(file: string): Promise<string> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return '';
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_STATE_BYTES), {
      position: 0,
    });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
