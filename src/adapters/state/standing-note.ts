import {
  isSameStanding,
  parseStanding,
  UNRESTRICTED,
  type Standing,
} from '../../domain/runner/fleet.ts';
import type { Log } from '../../ports/index.ts';
import { readTextIfThere, writeDurably } from './durable-files.ts';

/** The note of a node's drain and pauses in its state directory. */
export interface StandingNote {
  /** The content of the file at first. A missing or broken one counts as empty. */
  readonly found: Standing;
  /** Writes a change in the background, because a slow disk must not delay a drain. */
  replace(standing: Standing): void;
  /** Resolves when the last change is on the disk, or was logged as not written. */
  written(): Promise<void>;
}

export async function openStandingNote(file: string, log: Log): Promise<StandingNote> {
  const found = await read(file, log);
  let noted = found;
  let writing = Promise.resolve();
  const write = async (standing: Standing): Promise<void> => {
    if (isSameStanding(standing, noted)) return;
    const { isDraining, paused } = standing;
    try {
      await writeDurably(file, Buffer.from(`${JSON.stringify({ isDraining, paused })}\n`));
      noted = standing;
    } catch (error) {
      log.warn('drain and pauses not noted, tried again', { file, error });
    }
  };
  return {
    found,
    replace: (standing) => {
      writing = writing.then(() => write(standing));
    },
    written: () => writing,
  };
}

async function read(file: string, log: Log): Promise<Standing> {
  try {
    const text = await readTextIfThere(file);
    return text === undefined ? UNRESTRICTED : parseStanding(JSON.parse(text));
  } catch (error) {
    log.warn('the note of drain and pauses cannot be read, it counts as empty', { file, error });
    return UNRESTRICTED;
  }
}
