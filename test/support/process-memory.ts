import { readFile } from 'node:fs/promises';

/**
 * Bytes of memory of a process in Linux's /proc: the current value (`VmRSS`) or the highest so far
 * (`VmHWM`). Throws when the process is gone.
 */
export async function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} has no ${what}: it has ended`);
  return Number(kibibytes) * 1024;
}
