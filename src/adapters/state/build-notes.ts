import { mkdir } from 'node:fs/promises';
import { readIfThere, syncDirectory, writeDurably } from './durable-files.ts';

/** A path in the directory of a build. */
export type PathOf = (buildId: string, ...rest: string[]) => string;

export interface Notes {
  /** undefined when it was never written. */
  readonly read: (buildId: string, name: string) => Promise<unknown>;
  /** Durable when it resolves. */
  readonly write: (buildId: string, name: string, value: unknown) => Promise<void>;
  /** The build has no directory yet, so it has no notes: none is looked for. */
  readonly begin: (buildId: string) => void;
  /** The build is removed, and with it what is known of its notes. */
  readonly forget: (buildId: string) => void;
}

/** The directory of a build's notes, in its own. */
export const NOTES = 'notes';

interface Known {
  /** JSON as it lies on the disk, by name; undefined where there is none. */
  readonly texts: Map<string, string | undefined>;
  /** What is not among them is not on the disk. */
  readonly isComplete: boolean;
}

/**
 * The notes of the builds of this node, a file each. Nobody else writes them: what was read or written
 * once is not read from the disk again before the process is another one.
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
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // A build of an earlier release, or one whose files somebody has deleted.
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
        // What was written meanwhile is newer.
        if (!texts.has(name)) texts.set(name, text);
      }
      const text = texts.get(name);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    write: async (buildId, name, value) => {
      // Removed meanwhile, the build takes this with it.
      const notes = knownOf(buildId);
      const text = JSON.stringify(value);
      try {
        await save(buildId, name, Buffer.from(text));
        notes.texts.set(name, text);
      } catch (error) {
        // The disk may hold either now.
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
