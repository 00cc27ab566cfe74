import type { TracePipelineState } from '../../domain/trace/pipeline.ts';
import { readCheckpoints, type Checkpoint } from './checkpoint.ts';
import type { SpoolFile } from './spool-file.ts';

/** Where a writer goes on. */
export interface Recovery {
  /** undefined: there is nothing yet, or nothing left. */
  readonly checkpoint: Checkpoint | undefined;
  /** Bytes that the disk lost of what it had promised to keep, when it did. */
  readonly damage: { readonly lostBytes: number } | undefined;
}

/**
 * Finds the latest checkpoint that the spool file bears out, by length and CRC-32, and cuts off what
 * lies above it: a dead process wrote that, nobody has seen it, and it is made again.
 */
export async function recover(directory: string, file: SpoolFile): Promise<Recovery> {
  const { checkpoints, isDamaged } = await readCheckpoints(directory);
  for (const checkpoint of checkpoints) {
    const { lengthBytes, crc } = checkpoint.pipeline;
    const found = await file.examine(lengthBytes);
    if (found.sizeBytes < lengthBytes || found.crc !== crc) continue;
    await file.truncate(lengthBytes);
    return { checkpoint, damage: undefined };
  }
  const oldest = checkpoints.at(-1);
  return oldest === undefined ? startAnew(file, isDamaged) : salvage(file, oldest);
}

async function startAnew(file: SpoolFile, isDamaged: boolean): Promise<Recovery> {
  const { sizeBytes } = await file.examine(0);
  await file.truncate(0);
  return { checkpoint: undefined, damage: isDamaged ? { lostBytes: sizeBytes } : undefined };
}

/** Keeps what is there. The coordinator, told the new checksum, asks for the whole trace again. */
async function salvage(file: SpoolFile, checkpoint: Checkpoint): Promise<Recovery> {
  const before = checkpoint.pipeline;
  const { sizeBytes } = await file.examine(0);
  const lengthBytes = Math.min(sizeBytes, before.lengthBytes);
  const { crc } = await file.examine(lengthBytes);
  await file.truncate(lengthBytes);
  const pipeline: TracePipelineState = { ...before, lengthBytes, crc };
  return {
    checkpoint: { ...checkpoint, pipeline },
    damage: { lostBytes: before.lengthBytes - lengthBytes },
  };
}
