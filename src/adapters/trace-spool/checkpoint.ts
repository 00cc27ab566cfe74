import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TracePipelineState } from '../../domain/trace/pipeline.ts';
import { syncDirectory } from '../state/durable-files.ts';
import { diskFault, errorCode } from './faults.ts';
import type { Mark } from './marks.ts';

/** All that is needed to go on with a trace as if nothing had happened. */
export interface Checkpoint {
  readonly version: 1;
  /** The higher one is the later one. */
  readonly sequence: number;
  /** Holds length and CRC of the spool file. */
  readonly pipeline: TracePipelineState;
  /** How far each followed file was taken over. */
  readonly offsets: Readonly<Record<string, number>>;
  /** What is to be appended once and was. */
  readonly keys: readonly string[];
  readonly ackedBytes: number;
  /** The shortest first. Release 0.1 wrote none. */
  readonly marks?: readonly Mark[];
  /** Below it the disk has lost the trace, which had this checksum. Nothing was lost unless set. */
  readonly base?: Mark | undefined;
}

/**
 * A firm checkpoint is on the disk when it is written, with all of the trace it speaks of: a power
 * cut does not take it. A quick one survives only the death of this process, at a tenth of the price.
 */
export type CheckpointKind = 'firm' | 'quick';

const FILES: Readonly<Record<CheckpointKind, string>> = {
  firm: 'trace.checkpoint',
  quick: 'trace.checkpoint.quick',
};

/** Old content or new, never a mix. For a firm one the spool file must have been synced before. */
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
  /** The latest first. */
  readonly checkpoints: readonly Checkpoint[];
  /** The one that what was sent is part of. */
  readonly firm: Checkpoint | undefined;
  /** A file that is there and says nothing: the disk damaged it. */
  readonly isDamaged: boolean;
}

export async function readCheckpoints(directory: string): Promise<FoundCheckpoints> {
  const firm = await readOne(join(directory, FILES.firm));
  const quick = await readOne(join(directory, FILES.quick));
  const checkpoints = [firm, quick].filter((each) => typeof each === 'object');
  return {
    checkpoints: checkpoints.sort((a, b) => b.sequence - a.sequence),
    firm: typeof firm === 'object' ? firm : undefined,
    // A quick one may be damaged by a power cut: that is what the firm one is for.
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
