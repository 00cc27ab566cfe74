import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { memoryOf } from '../support/process-memory.ts';
import { timeOf } from './limits.ts';

// These functions read the CPU time and memory of processes in Linux's /proc.

const TICKS_A_SECOND = 100;
const BYTES_A_MEGABYTE = 1_000_000;

/** Returns the CPU time of processes in seconds, including that of their ended children. */
export async function cpuSeconds(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8');
      // The values utime, stime, cutime and cstime follow the program's name, which may contain
      // spaces.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
    }),
  );
  return each.reduce((sum, ticks) => sum + ticks, 0) / TICKS_A_SECOND;
}

/** Returns the CPU time of so many seconds, in percent of a core. `cpuOf` returns that until now. */
export async function busyPercent(seconds: number, cpuOf: () => Promise<number>): Promise<number> {
  const before = await cpuOf();
  const spentMs = await timeOf(() => delay(seconds * 1_000));
  return (((await cpuOf()) - before) / (spentMs / 1_000)) * 100;
}

export async function residentMegabytes(pid: number): Promise<number> {
  return (await memoryOf(pid, 'VmRSS')) / BYTES_A_MEGABYTE;
}

/** Returns the largest resident size of a process during the work, in megabytes. */
export async function largestWhile(pid: number, work: () => Promise<void>): Promise<number> {
  let largest = await residentMegabytes(pid);
  const looking = setInterval(() => {
    residentMegabytes(pid).then(
      (size) => (largest = Math.max(largest, size)),
      () => undefined, // The process has ended, so the work itself fails.
    );
  }, 100);
  try {
    await work();
    return largest;
  } finally {
    clearInterval(looking);
  }
}

/**
 * Returns the process id of a state directory's embedded Temporal. Returns no id for a runner
 * without one.
 */
export async function temporalPids(stateDir: string): Promise<readonly number[]> {
  const file = join(stateDir, 'temporal', 'server.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? [] : [(JSON.parse(text) as { readonly pid: number }).pid];
}
