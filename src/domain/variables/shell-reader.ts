import { ShellFault } from './shell-fault.ts';

/** A text on its way through an expansion, and what may still be spent on it. */
export interface ShellReader {
  readonly text: string;
  at: number;
  /** How many braces, quotes and parentheses are open around this place. */
  depth: number;
  lengthLeft: number;
  stepsLeft: number;
  /** '' for what is not set: as in the peer, that and an empty value are the same. */
  readonly valueOf: (name: string) => string;
}

/** Deeper than anybody would write. */
const MAX_DEPTH = 50;

export function takeIf(reader: ShellReader, expected: string): boolean {
  if (!reader.text.startsWith(expected, reader.at)) return false;
  reader.at += expected.length;
  return true;
}

/** What the pattern, sticky, finds here; '' when it finds nothing. */
export function takeMatch(reader: ShellReader, pattern: RegExp): string {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text)?.[0] ?? '';
  reader.at += found.length;
  return found;
}

/** Lets nothing grow without bound: values may hold a megabyte, and be referred to often. */
export function spendLength(reader: ShellReader, text: string): string {
  reader.lengthLeft -= text.length;
  if (reader.lengthLeft < 0) throw new ShellFault('it would be too long');
  return text;
}

export function spendSteps(reader: ShellReader, steps: number): void {
  reader.stepsLeft -= steps;
  if (reader.stepsLeft < 0) throw new ShellFault('its patterns are too complex');
}

/** Reads something that is one level deeper than what is around it. */
export function deeper<T>(reader: ShellReader, read: () => T): T {
  reader.depth += 1;
  if (reader.depth > MAX_DEPTH) throw new ShellFault('it is nested too deeply');
  const result = read();
  reader.depth -= 1;
  return result;
}
