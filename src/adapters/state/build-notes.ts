import { mkdir } from 'node:fs/promises';
import { readIfThere, syncDirectory, writeDurably } from './durable-files.ts';
import { errorCode } from '../host/error-code.ts';

/** Returns a path in the directory of a build. */
export type PathOf = (buildId: string, ...rest: string[]) => string;

export interface Notes {
  /** Reads a note; undefined when it was never written. */
  readonly read: (buildId: string, name: string) => Promise<unknown>;
  /** Writes a note. It is durable when this resolves. */
  readonly write: (buildId: string, name: string, value: unknown) => Promise<void>;
  /** Records that the build is new, so that the disk is not searched for its notes. */
  readonly begin: (buildId: string) => void;
  /** Forgets the notes of a build that is removed. */
  readonly forget: (buildId: string) => void;
}

/** The directory of a build's notes, in the build's own directory. */
export const NOTES = 'notes';

interface Known {
  /** The notes by name, as JSON on the disk; undefined where there is none. */
  readonly texts: Map<string, string | undefined>;
  /** True: a note that is not in `texts` is not on the disk. */
  readonly isComplete: boolean;
}

/**
 * Keeps the notes of the builds of this node, a file for each. Nobody else writes them, so a note
 * that was read or written once is not read from the disk again by this process.
 */
export function createNotes(path: PathOf): Notes {
  const known = new Map<string, Known>();
  const knownOf = (buildId: string): Known => {
    const notes = known.get(buildId) ?? { texts: new Map(), isComplete: false };
    known.set(buildId, notes);
    return notes;
  };
  const fileOf = (buildId: string, name: string): string =>
    path(buildId, NOTES, `${encodeURIComponent(name)}.json`);
  const save = async (buildId: string, name: string, content: Uint8Array): Promise<void> => {
    try {
      await writeDurably(fileOf(buildId, name), content);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      // The build is of an earlier release, or somebody has deleted its files.
      await mkdir(path(buildId, NOTES), { recursive: true, mode: 0o700 });
      await syncDirectory(path(buildId));
      await writeDurably(fileOf(buildId, name), content);
    }
  };
  return {
    read: async (buildId, name) => {
      const { texts, isComplete } = knownOf(buildId);
      if (!isComplete && !texts.has(name)) {
        const text = (await readIfThere(fileOf(buildId, name)))?.toString();
        // A text that was written meanwhile is newer.
        if (!texts.has(name)) texts.set(name, text);
      }
      const text = texts.get(name);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    write: async (buildId, name, value) => {
      // Taken before the save: if the build is removed meanwhile, its new note is forgotten too.
      const notes = knownOf(buildId);
      const text = JSON.stringify(value);
      try {
        await save(buildId, name, Buffer.from(text));
        notes.texts.set(name, text);
      } catch (error) {
        // The disk may now have the old or the new text.
        notes.texts.delete(name);
        const isHeld = known.get(buildId) === notes;
        if (isHeld) known.set(buildId, { texts: notes.texts, isComplete: false });
        throw error;
      }
    },
    begin: (buildId) => {
      known.set(buildId, { texts: new Map(), isComplete: true });
    },
    forget: (buildId) => {
      known.delete(buildId);
    },
  };
}
