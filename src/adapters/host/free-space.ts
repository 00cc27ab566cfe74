import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Reserved for the logs and notes of all builds. Downloads and archives have to leave it free, and
 * the node requests no job while less is free.
 */
export const RESERVE_BYTES = 256 * 1024 * 1024;
/** The share of a small disk that is reserved instead. */
export const RESERVE_SHARE = 0.05;

/** Bytes written between two checks of the free space. */
const LOOK_BYTES = 8 * 1024 * 1024;

/**
 * Throws the error of a full disk when `moreBytes` in the file system of `file` would use the space
 * reserved for other builds. A job may have planted a file of any size to be copied.
 */
export async function assertRoom(file: string, moreBytes: number): Promise<void> {
  const { bsize, bavail, blocks } = await statfs(dirname(file));
  if (blocks === 0) return; // This file system does not report its size.
  const reserveBytes = Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_SHARE);
  if (bavail * bsize - moreBytes >= reserveBytes) return;
  throw Object.assign(new Error(`no room for ${moreBytes} bytes in ${dirname(file)}`), {
    code: 'ENOSPC',
  });
}

/**
 * Passes `content` on its way to `file`, and throws the error of a full disk before the disk is
 * full. `sizeBytes` is the declared size, which may be wrong; 0 when there is none.
 */
export async function* withinRoom(
  content: AsyncIterable<Uint8Array>,
  { file, sizeBytes }: { readonly file: string; readonly sizeBytes: number },
): AsyncGenerator<Uint8Array, void, void> {
  // The room is checked first, so that the file does not fill all free space before it fails.
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
