import { expandText, specialValue } from './expand.ts';
import type { JobVariable } from '../job/payload.ts';

/** One variable of a build, before expansion. */
export interface Variable {
  readonly key: string;
  readonly value: string;
  /** True: services may see it, because the job says so or the runner made it. */
  readonly isForServices: boolean;
  readonly isFile: boolean;
  readonly isMasked: boolean;
  /** True: its value is not expanded. Others may still refer to it. */
  readonly isRaw: boolean;
}

/** Variables in the order of precedence, and the values of references to them. */
export interface VariableList {
  readonly entries: readonly Variable[];
  /** Returns the last one of that name. */
  readonly last: (key: string) => Variable | undefined;
  /** Replaces references in `text` by unexpanded values; undefined when it becomes too long. */
  readonly expand: (text: string, maxLength?: number) => string | undefined;
}

/**
 * The limit is more than any process can receive as its environment, in UTF-16 units. Values that
 * double each other stop here.
 */
export const MAX_EXPANDED_LENGTH = 16 * 1024 * 1024;

/** Creates a variable of the runner itself: services may see it, and its value is not expanded. */
export function runnerVariable(key: string, value: string): Variable {
  return { key, value, isForServices: true, isFile: false, isMasked: false, isRaw: true };
}

/** Turns a variable of the payload into a variable of the build. */
export function fromJob({ key, value, public: isForServices, file, masked, raw }: JobVariable) {
  return { key, value, isForServices, isFile: file, isMasked: masked, isRaw: raw };
}

/** A list in which references to file variables give their path in `tempDir`. */
export function listVariables(entries: readonly Variable[], tempDir: string): VariableList {
  const lasts = new Map(entries.map((entry) => [entry.key, entry]));
  const valueOf = (name: string): string => {
    const special = specialValue(name);
    if (special !== undefined) return special;
    const entry = lasts.get(name);
    if (entry === undefined) return '';
    return entry.isFile ? filePath(tempDir, name) : entry.value;
  };
  return {
    entries,
    last: (key) => lasts.get(key),
    expand: (text, maxLength = MAX_EXPANDED_LENGTH) => expandWithin(text, valueOf, maxLength),
  };
}

/**
 * Returns the path of a file variable's content. Source: gitlab-runner `common/spec/variables.go`.
 */
export function filePath(tempDir: string, key: string): string {
  return `${tempDir}/${key}`;
}

function expandWithin(
  text: string,
  valueOf: (name: string) => string,
  maxLength: number,
): string | undefined {
  let length = text.length;
  const counted = (name: string): string => {
    const value = valueOf(name);
    length += value.length;
    return length > maxLength ? '' : value;
  };
  const expanded = expandText(text, counted);
  return length > maxLength ? undefined : expanded;
}

/** Expanded variables. */
export interface Expansion {
  readonly entries: readonly Variable[];
  /** Names of variables that stay unexpanded, because the total would be too long. */
  readonly tooLong: readonly string[];
}

/**
 * Expands every value once against the original list: references in inserted values stay. Source:
 * gitlab-runner `common/spec/variables.go` (ExpandWith).
 */
export function expandAll(entries: readonly Variable[], list: VariableList): Expansion {
  const tooLong: string[] = [];
  let budget = MAX_EXPANDED_LENGTH;
  const expanded = entries.map((entry) => {
    if (entry.isRaw || !entry.value.includes('$')) return entry;
    const value = list.expand(entry.value, budget);
    if (value === undefined) {
      tooLong.push(entry.key);
      return entry;
    }
    budget -= value.length;
    return { ...entry, value };
  });
  return { entries: expanded, tooLong };
}
