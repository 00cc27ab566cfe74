import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Left free for the logs and notes of all builds: less than this, or than 5 % of a small disk. */
const RESERVE_BYTES = 256 * 1024 * 1024;
const RESERVE_SHARE = 0.05;

/**
 * Fails as a full disk does when the file system of `file` cannot take `moreBytes` without eating
 * into what other builds need: a job may have planted a file of any size for us to copy.
 */
export async function assertRoom(file: string, moreBytes: number): Promise<void> {
  const { bsize, bavail, blocks } = await statfs(dirname(file));
  if (blocks === 0) return; // it does not count them
  const reserveBytes = Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_SHARE);
  if (bavail * bsize - moreBytes >= reserveBytes) return;
  throw Object.assign(new Error(`no room for ${moreBytes} bytes in ${dirname(file)}`), {
    code: 'ENOSPC',
  });
}
