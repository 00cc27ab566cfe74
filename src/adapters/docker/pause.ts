import { setTimeout as sleep } from 'node:timers/promises';

/** Waits. Throws the signal's own reason when it aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms === 0) return;
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}
