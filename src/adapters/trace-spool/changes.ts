import { watch } from 'node:fs';
import type { Clock } from '../../ports/index.ts';

/** Tells when to look at a file again. */
export interface Changes {
  /** Resolves when the file may have changed since the last call, after a while, or at the end. */
  next(): Promise<void>;
  close(): void;
}

/** Not every file system tells of changes (some overlay and network ones do not). */
const POLL_MS = 100;
/** A job that writes line by line is not looked at for each of them. */
const BATCH_MS = 20;

/** `signal` is the end: from then on `next` does not wait. */
export function watchChanges(path: string, clock: Clock, signal: AbortSignal): Changes {
  let sleep = new AbortController();
  let isPolling = false;
  let hasChanged = false;
  const onChange = (): void => {
    hasChanged = true;
    if (isPolling) sleep.abort();
  };
  const onEnd = (): void => sleep.abort();
  signal.addEventListener('abort', onEnd);
  const stopWatching = watchFile(path, onChange);

  const rest = async (ms: number): Promise<void> => {
    if (signal.aborted) return;
    sleep = new AbortController();
    await clock.sleep(ms, sleep.signal).catch(() => undefined);
  };
  return {
    next: async () => {
      await rest(BATCH_MS);
      isPolling = true;
      if (!hasChanged) await rest(POLL_MS);
      isPolling = false;
      hasChanged = false;
    },
    close: () => {
      signal.removeEventListener('abort', onEnd);
      stopWatching();
    },
  };
}

function watchFile(path: string, onChange: () => void): () => void {
  try {
    const watcher = watch(path, onChange);
    // Too many watches on this machine, or none any more: the poll goes on.
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => undefined;
  }
}
