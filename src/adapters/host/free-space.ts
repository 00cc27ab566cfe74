import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Left free for the logs and notes of all builds: less than this, or than 5 % of a small disk. */
const RESERVE_BYTES = 256 * 1024 * 1024;
const RESERVE_SHARE = 0.05;

/** So much is written between two looks at what is free. */
const LOOK_BYTES = 8 * 1024 * 1024;

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

/**
 * `content` on its way into `file`; fails as a full disk does before it would fill it. `sizeBytes` is
 * what somebody says will come, who may be wrong or lie: 0 when nobody says.
 */
export async function* withinRoom(
  content: AsyncIterable<Uint8Array>,
  { file, sizeBytes }: { readonly file: string; readonly sizeBytes: number },
): AsyncGenerator<Uint8Array, void, void> {
  // At once, and not after it has filled all that is free.
  if (sizeBytes > LOOK_BYTES) await assertRoom(file, sizeBytes);
  let writtenBytes = 0;
  let lookAtBytes = LOOK_BYTES;
  for await (const chunk of content) {
    if (writtenBytes >= lookAtBytes) {
      await assertRoom(file, LOOK_BYTES);
      lookAtBytes = writtenBytes + LOOK_BYTES;
    }
    yield chunk;
    writtenBytes += chunk.byteLength;
  }
}
