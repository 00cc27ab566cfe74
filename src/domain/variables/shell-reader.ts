import { ShellFault } from './shell-fault.ts';

/** A text that is being expanded, and its remaining limits. */
export interface ShellReader {
  readonly text: string;
  at: number;
  /** Number of open braces, quotes and parentheses. */
  depth: number;
  lengthLeft: number;
  stepsLeft: number;
  /** Empty for unset variables. As in gitlab-runner, unset and empty are the same. */
  readonly valueOf: (name: string) => string;
}

/** Nobody writes deeper nesting. */
const MAX_DEPTH = 50;

/** Moves past `expected` and returns true when it is next. */
export function takeIf(reader: ShellReader, expected: string): boolean {
  if (!reader.text.startsWith(expected, reader.at)) return false;
  reader.at += expected.length;
  return true;
}

/** Returns the match of a sticky pattern here and moves past it; empty when it does not match. */
export function takeMatch(reader: ShellReader, pattern: RegExp): string {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text)?.[0] ?? '';
  reader.at += found.length;
  return found;
}

/** Limits growth: a value may have a megabyte, and may be used often. */
export function spendLength(reader: ShellReader, text: string): string {
  reader.lengthLeft -= text.length;
  if (reader.lengthLeft < 0) throw new ShellFault('it would be too long');
  return text;
}

/** Counts the steps of a match. Throws a {@link ShellFault} when the limit is exceeded. */
export function spendSteps(reader: ShellReader, steps: number): void {
  reader.stepsLeft -= steps;
  if (reader.stepsLeft < 0) throw new ShellFault('its patterns are too complex');
}

/** Reads a part that is nested one level deeper. */
export function deeper<T>(reader: ShellReader, read: () => T): T {
  reader.depth += 1;
  if (reader.depth > MAX_DEPTH) throw new ShellFault('it is nested too deeply');
  const result = read();
  reader.depth -= 1;
  return result;
}
