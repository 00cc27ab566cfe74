import { expandText, specialValue } from './expand.ts';
import type { JobVariable } from '../job/payload.ts';

/** One variable on its way into a build. */
export interface Variable {
  readonly key: string;
  readonly value: string;
  /** Services may see it: the job says so, or the runner made it. */
  readonly isForServices: boolean;
  readonly isFile: boolean;
  readonly isMasked: boolean;
  /** The value is not expanded; others may still refer to it. */
  readonly isRaw: boolean;
}

/** Variables in the order of precedence, with what a reference to one of them means. */
export interface VariableList {
  readonly entries: readonly Variable[];
  /** The last one of that name. */
  readonly last: (key: string) => Variable | undefined;
  /** `text` with references replaced by values as they stand; undefined when it grows too long. */
  readonly expand: (text: string, maxLength?: number) => string | undefined;
}

/** More than any process can be handed as its environment; values that double each other end here. */
export const MAX_EXPANDED_LENGTH = 16 * 1024 * 1024;

/** A variable of the runner itself: services may see it, and it is taken as it is. */
export function runnerVariable(key: string, value: string): Variable {
  return { key, value, isForServices: true, isFile: false, isMasked: false, isRaw: true };
}

export function fromJob({ key, value, public: isForServices, file, masked, raw }: JobVariable) {
  return { key, value, isForServices, isFile: file, isMasked: masked, isRaw: raw };
}

/** A list in which file variables are referred to by their path in `tempDir`. */
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

/** Where the content of a file variable lies. Source: gitlab-runner `common/spec/variables.go`. */
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

export interface Expansion {
  readonly entries: readonly Variable[];
  /** Names of those that had to stay as they were, because all together would be too long. */
  readonly tooLong: readonly string[];
}

/**
 * Every value expanded once against the list as it stood before: a reference inside of what was
 * put in stays. Source: gitlab-runner `common/spec/variables.go` (ExpandWith).
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
