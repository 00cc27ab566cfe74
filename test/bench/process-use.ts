import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryOf } from '../support/process-memory.ts';

// CPU time and memory of processes in Linux's /proc.

const TICKS_A_SECOND = 100;
const BYTES_A_MEGABYTE = 1_000_000;

/** Seconds of CPU that processes have had, with those of their ended children. */
export async function cpuSeconds(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8');
      // Behind the program's name, which may contain spaces: utime, stime, cutime and cstime.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
    }),
  );
  return each.reduce((sum, ticks) => sum + ticks, 0) / TICKS_A_SECOND;
}

export async function residentMegabytes(pid: number): Promise<number> {
  return (await memoryOf(pid, 'VmRSS')) / BYTES_A_MEGABYTE;
}

/** Largest resident size of a process while something is done, in megabytes. */
export async function largestWhile(pid: number, work: () => Promise<void>): Promise<number> {
  let largest = await residentMegabytes(pid);
  const looking = setInterval(() => {
    residentMegabytes(pid).then(
      (size) => (largest = Math.max(largest, size)),
      () => undefined, // ended: the work itself fails then
    );
  }, 100);
  try {
    await work();
    return largest;
  } finally {
    clearInterval(looking);
  }
}

/** The embedded Temporal of a state directory; undefined for a runner without one. */
export async function temporalPids(stateDir: string): Promise<readonly number[]> {
  const file = join(stateDir, 'temporal', 'server.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? [] : [(JSON.parse(text) as { readonly pid: number }).pid];
}
