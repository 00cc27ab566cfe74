import { readFileSync } from 'node:fs';
import { errorCode } from '../host/error-code.ts';

const BOOT_FILE = '/proc/sys/kernel/random/boot_id';
const BOOT_DIGITS = 8;
/** The description of a process that does not exist. */
export const ENDED = 'ended';
/** The description of a process that lives, but that /proc hides from this user. */
const HIDDEN = 'hidden';
/** Codes of errors that do not pass: the file does not exist, or this user may not read it. */
const LASTING = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM']);
/**
 * Indexes of fields in /proc/<pid>/stat after the name in brackets. The name may contain anything.
 */
const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

/** Reads a few digits of the boot id; undefined where there is no /proc. */
export function readBoot(): string | undefined {
  try {
    return readFileSync(BOOT_FILE, 'utf8').slice(0, BOOT_DIGITS);
  } catch {
    return undefined;
  }
}

/**
 * Describes a process, so that it differs from a later one with the same pid: by the machine's boot
 * and the start time. Returns `ended` when there is none. Without /proc, it only tells whether the
 * process lives. Throws when /proc cannot be read now, for example for want of open files.
 */
export async function describeProcess(pid: number): Promise<string> {
  const boot = readIfPossible(BOOT_FILE);
  if (boot === undefined) return isAlive(pid) ? 'alive' : ENDED;
  const stat = readIfPossible(`/proc/${pid}/stat`);
  if (stat === undefined) return isAlive(pid) ? HIDDEN : ENDED;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[STATE_FIELD], fields[START_TIME_FIELD]];
  // A zombie holds nothing any more. It only waits for its parent.
  if (startTime === undefined || state === 'Z' || state === 'X') return ENDED;
  return `${boot.trim()}:${startTime}`;
}

/**
 * Reads a file of /proc; undefined when a later try would not help. It lies in memory.
 * Reading it by Node's threads takes several times as much CPU, each second of an idle node.
 */
function readIfPossible(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (LASTING.has(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}
