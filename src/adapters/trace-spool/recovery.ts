import { readCheckpoints, type Checkpoint } from './checkpoint.ts';
import { findLastGood, type Mark } from './marks.ts';
import type { SpoolFile } from './spool-file.ts';

/** Where a writer goes on. */
export interface Recovery {
  /** undefined: there is nothing yet, or nothing left. */
  readonly checkpoint: Checkpoint | undefined;
  /**
   * Set when the disk lost some of what it had promised to keep: how much of that the coordinator
   * was not known to have.
   */
  readonly damage: { readonly lostBytes: number } | undefined;
}

/** What stands for a byte that was lost. */
const FILLING = '?';
const FILLED_AT_ONCE_BYTES = 1024 * 1024;
const BEGINNING: Mark = { lengthBytes: 0, crc: 0 };

/**
 * Finds the latest checkpoint that the spool file bears out, by length and CRC-32, and cuts off what
 * lies above it: a dead process wrote that, nobody has seen it, and it is made again.
 */
export async function recover(directory: string, file: SpoolFile): Promise<Recovery> {
  const { checkpoints, firm, isDamaged } = await readCheckpoints(directory);
  for (const checkpoint of checkpoints) {
    const { lengthBytes, crc } = checkpoint.pipeline;
    const found = await file.examine(lengthBytes, checkpoint.base);
    if (found.sizeBytes < lengthBytes || found.crc !== crc) continue;
    await file.truncate(lengthBytes);
    return { checkpoint, damage: undefined };
  }
  const last = firm ?? checkpoints.at(-1);
  if (last === undefined) return startAnew(file, isDamaged);
  const ackedBytes = Math.max(...checkpoints.map((each) => each.ackedBytes));
  return salvage(file, { ...last, ackedBytes });
}

async function startAnew(file: SpoolFile, isDamaged: boolean): Promise<Recovery> {
  const { sizeBytes } = await file.examine(0);
  await file.truncate(0);
  return { checkpoint: undefined, damage: isDamaged ? { lostBytes: sizeBytes } : undefined };
}

/**
 * Keeps what is known to be right, and puts filling in place of the rest: what the coordinator has it
 * never takes back, so what follows must stay at its place. The checksum is that of what was lost.
 */
async function salvage(file: SpoolFile, checkpoint: Checkpoint): Promise<Recovery> {
  const { ackedBytes, pipeline, base = BEGINNING } = checkpoint;
  const { lengthBytes, crc } = pipeline;
  const good = await findLastGood(checkpoint.marks ?? [], async (mark) => {
    const found = await file.examine(mark.lengthBytes, base);
    return found.sizeBytes >= mark.lengthBytes && found.crc === mark.crc;
  });
  const { sizeBytes } = await file.examine(0);
  const goodBytes = good?.lengthBytes ?? Math.min(base.lengthBytes, sizeBytes);
  await fill(file, { goodBytes, lengthBytes });
  return {
    // As if all had been sent: if it was not, the coordinator says where it stands.
    checkpoint: { ...checkpoint, ackedBytes: lengthBytes, base: { lengthBytes, crc }, marks: [] },
    damage: { lostBytes: Math.max(0, lengthBytes - Math.max(goodBytes, ackedBytes)) },
  };
}

async function fill(
  file: SpoolFile,
  { goodBytes, lengthBytes }: { readonly goodBytes: number; readonly lengthBytes: number },
): Promise<void> {
  await file.truncate(goodBytes);
  while (file.lengthBytes < lengthBytes) {
    const count = Math.min(FILLED_AT_ONCE_BYTES, lengthBytes - file.lengthBytes);
    await file.append(Buffer.alloc(count, FILLING));
  }
}
