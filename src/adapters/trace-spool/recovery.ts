import { readCheckpoints, type Checkpoint } from './checkpoint.ts';
import { findLastGood, type CheckedLength } from './checked-lengths.ts';
import type { SpoolFile } from './spool-file.ts';

/** The state in which a writer continues. */
export interface Recovery {
  /** undefined when there is nothing yet, or nothing left. */
  readonly checkpoint: Checkpoint | undefined;
  /**
   * Set when the disk has lost durable data. `lostBytes` counts those that the coordinator is not
   * known to have.
   */
  readonly damage: { readonly lostBytes: number } | undefined;
}

const BEGINNING: CheckedLength = { lengthBytes: 0, crc: 0 };

/**
 * Finds the latest checkpoint that matches the spool file by length and CRC-32, and truncates the
 * file there. A dead process wrote the rest and never sent it, so it is made again.
 */
export async function recover(directory: string, file: SpoolFile): Promise<Recovery> {
  const { checkpoints, firm, isDamaged } = await readCheckpoints(directory);
  // The next checkpoint must have a higher number than one that is refused here. Its file stays, and
  // may match a later trace by chance.
  const [{ sequence } = { sequence: 0 }] = checkpoints;
  for (const checkpoint of checkpoints) {
    const { lengthBytes, crc } = checkpoint.pipeline;
    const found = await file.examine(lengthBytes, checkpoint.base);
    if (found.sizeBytes < lengthBytes || found.crc !== crc) continue;
    await file.truncate(lengthBytes);
    return { checkpoint: { ...checkpoint, sequence }, damage: undefined };
  }
  const last = firm ?? checkpoints.at(-1);
  if (last === undefined) return startAnew(file, isDamaged);
  const ackedBytes = Math.max(...checkpoints.map((each) => each.ackedBytes));
  return salvage(file, { ...last, sequence, ackedBytes });
}

async function startAnew(file: SpoolFile, isDamaged: boolean): Promise<Recovery> {
  const { sizeBytes } = await file.examine(0);
  if (sizeBytes > 0) await file.truncate(0);
  return { checkpoint: undefined, damage: isDamaged ? { lostBytes: sizeBytes } : undefined };
}

/**
 * Keeps the correct beginning and fills the rest, because the coordinator never takes back bytes
 * and later bytes must stay in their place. The checksum stays that of the lost content.
 */
async function salvage(file: SpoolFile, checkpoint: Checkpoint): Promise<Recovery> {
  const { ackedBytes, pipeline, base = BEGINNING } = checkpoint;
  const { lengthBytes, crc } = pipeline;
  const good = await findLastGood(checkpoint.marks ?? [], async (checked) => {
    const found = await file.examine(checked.lengthBytes, base);
    return found.sizeBytes >= checked.lengthBytes && found.crc === checked.crc;
  });
  const { sizeBytes } = await file.examine(0);
  const goodBytes = good?.lengthBytes ?? Math.min(base.lengthBytes, sizeBytes);
  await file.truncate(goodBytes);
  await file.fillTo(lengthBytes);
  return {
    // The trace continues as if everything had been sent. If it was not, the coordinator reports
    // its length.
    checkpoint: { ...checkpoint, ackedBytes: lengthBytes, base: { lengthBytes, crc }, marks: [] },
    damage: { lostBytes: Math.max(0, lengthBytes - Math.max(goodBytes, ackedBytes)) },
  };
}
