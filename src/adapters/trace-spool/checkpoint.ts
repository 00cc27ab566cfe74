import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TracePipelineState } from '../../domain/trace/pipeline.ts';
import { syncDirectory } from '../state/durable-files.ts';
import { diskFault } from './faults.ts';
import type { CheckedLength } from './checked-lengths.ts';
import { errorCode } from '../host/error-code.ts';

/** Everything that is needed to continue a trace exactly. */
export interface Checkpoint {
  readonly version: 1;
  /** A higher number is a later checkpoint. */
  readonly sequence: number;
  /** Includes length and CRC of the spool file. */
  readonly pipeline: TracePipelineState;
  /** Number of bytes of each followed file that were copied. */
  readonly offsets: Readonly<Record<string, number>>;
  /** Paths of the followed files. Absent in release 0.1. */
  readonly paths?: Readonly<Record<string, string>>;
  /** See {@link Clock.boot}. Absent in release 0.1. */
  readonly boot?: string | undefined;
  /** Keys of everything that was appended once. */
  readonly keys: readonly string[];
  readonly ackedBytes: number;
  /** Sorted by length, the shortest first. Absent in release 0.1. */
  readonly marks?: readonly CheckedLength[];
  /**
   * Set when the disk has lost the trace below this length; the checksum is that of the lost part.
   */
  readonly base?: CheckedLength | undefined;
}

/**
 * A firm checkpoint and the trace below it are durable, so they survive a power cut. A quick one
 * survives only the death of this process, at a tenth of the cost.
 */
export type CheckpointKind = 'firm' | 'quick';

const FILES: Readonly<Record<CheckpointKind, string>> = {
  firm: 'trace.checkpoint',
  quick: 'trace.checkpoint.quick',
};

/** Writes a checkpoint atomically. Before a firm one the spool file must have been synced. */
export async function writeCheckpoint(
  directory: string,
  kind: CheckpointKind,
  checkpoint: Checkpoint,
): Promise<void> {
  const file = join(directory, FILES[kind]);
  const flush = kind === 'firm';
  try {
    await writeFile(`${file}.tmp`, JSON.stringify(checkpoint), { mode: 0o600, flush });
    await rename(`${file}.tmp`, file);
    if (flush) await syncDirectory(directory);
  } catch (error) {
    throw diskFault('write', file, error);
  }
}

export interface FoundCheckpoints {
  /** Sorted by age, the latest first. */
  readonly checkpoints: readonly Checkpoint[];
  /** The checkpoint that includes everything that was sent. */
  readonly firm: Checkpoint | undefined;
  /** True: a file exists but is unreadable, because the disk damaged it. */
  readonly isDamaged: boolean;
}

export async function readCheckpoints(directory: string): Promise<FoundCheckpoints> {
  const firm = await readOne(join(directory, FILES.firm));
  const quick = await readOne(join(directory, FILES.quick));
  const checkpoints = [firm, quick].filter((each) => typeof each === 'object');
  return {
    checkpoints: checkpoints.sort((a, b) => b.sequence - a.sequence),
    firm: typeof firm === 'object' ? firm : undefined,
    // A power cut may damage a quick one. The firm one counts then.
    isDamaged: firm === 'damaged',
  };
}

async function readOne(file: string): Promise<Checkpoint | 'absent' | 'damaged'> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isCheckpoint(found) ? found : 'damaged';
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'absent';
    if (error instanceof SyntaxError) return 'damaged';
    throw diskFault('read', file, error);
  }
}

function isCheckpoint(found: unknown): found is Checkpoint {
  return typeof found === 'object' && found !== null && 'version' in found && found.version === 1;
}
