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

/** Stands in the text of a reader for a backslash at the end of a line, and for that end. */
export const CONTINUATION = '\0';

/**
 * Prepares a text for a reader: removes NUL, turns CR LF into LF, and puts {@link CONTINUATION} for
 * each backslash at the end of a line, unless another backslash stands before it. Source: behaviour
 * of mvdan.cc/sh 3.13, where the rule for two backslashes holds everywhere.
 */
export function markContinuations(text: string): string {
  return text.replace(/\\[\\\0]*(?:\r?\n)?|\0|\r(?=\n)/g, (found) =>
    /^\\\r?\n$/.test(found) ? CONTINUATION : found.replace(/[\0\r]/g, ''),
  );
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

/** Moves past white space as arithmetic allows it between its parts. */
export function skipSpace(reader: ShellReader): void {
  takeMatch(reader, /[ \t\r\n\0]*/y);
}

/** Returns the letters, digits and `_` here, joined across lines, and moves past them. */
export function takeWord(reader: ShellReader): string {
  return takeMatch(reader, /[\w\0]*/y).replaceAll(CONTINUATION, '');
}

/** Limits growth: a value may have a megabyte, and may be used often. */
export function spendLength(reader: ShellReader, text: string): string {
  reader.lengthLeft -= text.length;
  if (reader.lengthLeft < 0) throw new ShellFault('it would be too long');
  return text;
}

/** Counts steps of matches and other work. Throws a {@link ShellFault} beyond the limit. */
export function spendSteps(reader: ShellReader, steps: number): void {
  reader.stepsLeft -= steps;
  if (reader.stepsLeft < 0) throw new ShellFault('it takes too long');
}

/** Reads a part that is nested one level deeper. */
export function deeper<T>(reader: ShellReader, read: () => T): T {
  reader.depth += 1;
  if (reader.depth > MAX_DEPTH) throw new ShellFault('it is nested too deeply');
  const result = read();
  reader.depth -= 1;
  return result;
}
