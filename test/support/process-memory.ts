import { readFile } from 'node:fs/promises';

/**
 * Returns the memory of a process in bytes, from Linux's /proc: the current value (`VmRSS`) or the
 * highest so far (`VmHWM`). Throws when the process has ended.
 */
export async function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} has no ${what}: it has ended`);
  return Number(kibibytes) * 1024;
}
