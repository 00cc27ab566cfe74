import { FailureType, FinalError } from '../../domain/failure.ts';
import type { Ports } from '../../ports/index.ts';

/** The port that keeps notes. */
export type NotePorts = Pick<Ports, 'builds'>;

/**
 * A small durable fact about a build on its node's disk. It outlives this process, and upgrades to
 * a new release.
 */
export interface Note<T> {
  /**
   * Returns undefined when the note was never written. Throws RunnerSystem when this program did
   * not write its content, because ignoring that could run a script twice.
   */
  read(buildId: string, ports: NotePorts): Promise<T | undefined>;
  write(buildId: string, value: T, ports: NotePorts): Promise<void>;
}

/**
 * Defines a note. `parse` returns undefined for content that no release has written under this
 * name.
 */
export function defineNote<T>(name: string, parse: (value: unknown) => T | undefined): Note<T> {
  return {
    read: async (buildId, { builds }) => {
      const value = await builds.readNote(buildId, name);
      if (value === undefined) return undefined;
      const parsed = parse(value);
      if (parsed !== undefined) return parsed;
      const message = `the note "${name}" of ${buildId} is damaged: it holds what this program has not written`;
      throw new FinalError(FailureType.RunnerSystem, message);
    },
    write: (buildId, value, { builds }) => builds.writeNote(buildId, name, value),
  };
}

/** A note without content: it only records that something has happened. */
export interface Flag {
  isSet(buildId: string, ports: NotePorts): Promise<boolean>;
  set(buildId: string, ports: NotePorts): Promise<void>;
}

export function defineFlag(name: string): Flag {
  return {
    isSet: async (buildId, { builds }) => (await builds.readNote(buildId, name)) !== undefined,
    set: (buildId, { builds }) => builds.writeNote(buildId, name, true),
  };
}

/** Counts something, across all processes of the build. */
export interface Counter {
  read(buildId: string, ports: NotePorts): Promise<number>;
  /** Adds one and returns the new number. */
  increment(buildId: string, ports: NotePorts): Promise<number>;
}

export function defineCounter(name: string): Counter {
  const note = defineNote(name, parseNumber);
  const read = async (buildId: string, ports: NotePorts): Promise<number> =>
    (await note.read(buildId, ports)) ?? 0;
  return {
    read,
    increment: async (buildId, ports) => {
      const count = (await read(buildId, ports)) + 1;
      await note.write(buildId, count, ports);
      return count;
    },
  };
}

export function parseFlag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

export function parseNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
