import type { Clock } from '../../ports/index.ts';
import { watchFile } from '../host/watch-file.ts';

/** Signals when to read a file again. */
export interface Changes {
  /** Resolves when the file may have changed since the last call, after a while, or at the end. */
  next(): Promise<void>;
  close(): void;
}

/** Some changes are not reported: see {@link watchFile}. */
const POLL_MS = 100;
/** The file is read at most this often, and not for every single line that a job writes. */
const BATCH_MS = 20;

/** Watches a file. `signal` marks the end: after it `next` does not wait. */
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
  const stopWatching = watchIfThere(path, onChange);

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

/** The caller has the file open, so it can still read the file after its removal. */
function watchIfThere(path: string, onChange: () => void): () => void {
  try {
    return watchFile(path, onChange);
  } catch {
    return () => undefined;
  }
}
