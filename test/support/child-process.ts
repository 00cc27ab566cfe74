import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Resolves when the process has ended, at once when it has done so before: there is no event then. */
export async function whenEnded(child: ChildProcess, timeoutMs?: number): Promise<void> {
  const signal = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  if (!hasEnded(child)) await once(child, 'exit', { ...(signal && { signal }) });
}

/** Sends the signal to a process that runs, and waits for its end. */
export async function endProcess(
  child: ChildProcess,
  signal: NodeJS.Signals,
  timeoutMs?: number,
): Promise<void> {
  if (!hasEnded(child)) child.kill(signal);
  await whenEnded(child, timeoutMs);
}
