import { readFile } from 'node:fs/promises';

const BOOT_DIGITS = 8;
const ENDED = 'ended';
/** Fields of /proc/<pid>/stat behind the name in brackets, which may hold anything. */
const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

/** A few digits of the machine's boot; undefined where there is no /proc. */
export async function readBoot(): Promise<string | undefined> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => undefined);
  return boot?.slice(0, BOOT_DIGITS);
}

/**
 * What tells a process from a later one with the same pid: the machine's boot and when it started
 * in that. `ended` when there is none; where there is no /proc, only whether it lives is known.
 */
export async function describeProcess(pid: number): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => undefined);
  if (boot === undefined) return isAlive(pid) ? 'alive' : ENDED;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const [state, startTime] = [fields[STATE_FIELD], fields[START_TIME_FIELD]];
  // A zombie holds nothing any more, it only waits for its parent to look.
  if (startTime === undefined || state === 'Z' || state === 'X') return ENDED;
  return `${boot.trim()}:${startTime}`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
