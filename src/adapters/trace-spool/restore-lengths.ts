import type { Checkpoint } from './checkpoint.ts';
import { openSourceFile } from './source-file.ts';

/**
 * Gives each followed file its length back when a power cut may have lost the end of it, which the
 * trace already has. So nobody takes the file for one that the job has truncated, and whatever
 * continues it continues at the right place. It is done when the trace is opened, before any
 * container can append to the file.
 */
export async function restoreLengths(
  checkpoint: Pick<Checkpoint, 'boot' | 'offsets' | 'paths'> | undefined,
  boot: string | undefined,
): Promise<void> {
  if (checkpoint === undefined || checkpoint.boot === boot) return;
  for (const [source, path] of Object.entries(checkpoint.paths ?? {})) {
    // A file that cannot be opened is gone, and is not read either.
    await lengthen(path, checkpoint.offsets[source] ?? 0).catch(() => undefined);
  }
}

async function lengthen(path: string, lengthBytes: number): Promise<void> {
  const file = await openSourceFile(path);
  try {
    if ((await file.sizeBytes()) < lengthBytes) await file.lengthen(lengthBytes);
  } finally {
    await file.close();
  }
}
