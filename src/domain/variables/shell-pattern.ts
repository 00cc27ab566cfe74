import { ShellFault } from './shell-fault.ts';
import { spendSteps, type ShellReader } from './shell-reader.ts';

/** Part of a pattern: undefined is `*`, a function tests one character. */
type Part = ((char: string) => boolean) | undefined;

/** A shell pattern in which `*` and `?` match slashes too. */
export type ShellPattern = readonly Part[];

/**
 * Parses a shell pattern; undefined when it is malformed. Source: behaviour of mvdan.cc/sh 3.13
 * (pattern.Regexp).
 */
export function parseShellPattern(reader: ShellReader, text: string): ShellPattern | undefined {
  const chars = Array.from(text);
  const parts: Part[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? '';
    if (char === '*') parts.push(undefined);
    else if (char === '?') parts.push(() => true);
    else if (char === '[') {
      const set = readClass(reader, chars, at + 1);
      if (set === undefined) return undefined;
      parts.push(set.part);
      at = set.end;
    } else {
      const wanted = char === '\\' ? chars[(at += 1)] : char;
      if (wanted === undefined) return undefined;
      parts.push((other) => other === wanted);
    }
  }
  return parts;
}

const NAMED_CLASSES: ReadonlyMap<string, RegExp> = new Map([
  ['alnum', /^[A-Za-z0-9]$/],
  ['alpha', /^[A-Za-z]$/],
  ['ascii', /^[\0-\x7f]$/],
  ['blank', /^[ \t]$/],
  ['cntrl', /^[\0-\x1f\x7f]$/],
  ['digit', /^[0-9]$/],
  ['graph', /^[!-~]$/],
  ['lower', /^[a-z]$/],
  ['print', /^[ -~]$/],
  ['punct', /^[!-/:-@[-`{-~]$/],
  ['space', /^[\t-\r ]$/],
  ['upper', /^[A-Z]$/],
  ['word', /^\w$/],
  ['xdigit', /^[0-9A-Fa-f]$/],
]);

interface ReadClass {
  readonly part: (char: string) => boolean;
  /** Index of the `]` that ends it. */
  readonly end: number;
}

/** Reads a class. Begins after its `[`; undefined when it is malformed. */
function readClass(
  reader: ShellReader,
  chars: readonly string[],
  start: number,
): ReadClass | undefined {
  const opening = `${chars[start] ?? ''}${chars[start + 1] ?? ''}`;
  if (opening === '[:') return readNamedClass(chars, start + 2);
  if (opening === '[.' || opening === '[=') return undefined;
  const isNegated = /^[!^]/.test(opening);
  const read = readItems(chars, isNegated ? start + 1 : start);
  if (read === undefined) return undefined;
  const ranges = rangesOf(read.items);
  const isIn = (char: string): boolean => {
    spendSteps(reader, ranges.length);
    const code = codeOf(char);
    return ranges.some(({ low, high }) => low <= code && code <= high);
  };
  return { part: (char) => isIn(char) !== isNegated, end: read.end };
}

/** Reads the characters of a class, with the backslashes before them. The first may be a `]`. */
function readItems(
  chars: readonly string[],
  first: number,
): { readonly items: readonly string[]; readonly end: number } | undefined {
  const items: string[] = [];
  let at = first;
  while (at === first || chars[at] !== ']') {
    if (at + 1 >= chars.length || isMalformedRange(chars, at)) return undefined;
    const isEscape = chars[at] === '\\';
    items.push(chars.slice(at, at + (isEscape ? 2 : 1)).join(''));
    at += isEscape ? 2 : 1;
  }
  return { items, end: at };
}

/**
 * Whether there is a `-` between a larger and a smaller character, which makes a class malformed.
 * As in gitlab-runner, this also applies to the first character of a class, which has `[` before
 * it.
 */
function isMalformedRange(chars: readonly string[], at: number): boolean {
  const [before = '', char, next = ''] = chars.slice(at - 1, at + 2);
  return char === '-' && next !== ']' && codeOf(before) > codeOf(next);
}

function unsupportedClass(): ShellFault {
  return new ShellFault('a class of characters in its pattern is not supported');
}

interface CharRange {
  readonly low: number;
  readonly high: number;
}

function rangesOf(items: readonly string[]): CharRange[] {
  const ranges: CharRange[] = [];
  for (let at = 0; at < items.length; at += 1) {
    if (items[at] === '[' && items[at + 1] === ':') throw unsupportedClass();
    const low = codeOfItem(items[at]);
    const isRange = items[at + 1] === '-' && at + 2 < items.length;
    if (isRange) at += 2;
    const high = codeOfItem(items[at]);
    if (low > high) throw unsupportedClass();
    ranges.push({ low, high });
  }
  return ranges;
}

function codeOfItem(item = ''): number {
  // A letter or digit has another meaning after a backslash.
  if (/^\\[^\0-/:-@[-`{-\x7f]$/u.test(item)) throw unsupportedClass();
  return codeOf(item.replace(/^\\/, ''));
}

/** Reads a named class. It is allowed only as the whole class: `[[:alpha:]]`. */
function readNamedClass(chars: readonly string[], start: number): ReadClass | undefined {
  const [name = ''] = /^[a-z]+(?=:\]\])/.exec(chars.slice(start, start + 12).join('')) ?? [];
  const pattern = NAMED_CLASSES.get(name);
  if (pattern === undefined) return undefined;
  return { part: (char) => pattern.test(char), end: start + name.length + 2 };
}

function codeOf(char: string): number {
  return char.codePointAt(0) ?? 0;
}

/**
 * Returns how many characters from `start` on the pattern matches: as few or as many as possible.
 * undefined when it does not match there. All alternatives are followed at once, so the time is
 * linear.
 */
export function matchLength(
  reader: ShellReader,
  pattern: ShellPattern,
  { chars, start, isShortest, atLeast = 0 }: MatchPlace,
): number | undefined {
  let states = closure(pattern, new Set([0]));
  let longest: number | undefined;
  for (let at = start; states.size > 0; at += 1) {
    spendSteps(reader, states.size);
    if (states.has(pattern.length) && at - start >= atLeast) {
      longest = at - start;
      if (isShortest) return longest;
    }
    const char = chars[at];
    if (char === undefined) break;
    states = closure(pattern, take(pattern, states, char));
  }
  return longest;
}

/** The states behind one more character. */
function take(pattern: ShellPattern, states: ReadonlySet<number>, char: string): Set<number> {
  const next = new Set<number>();
  for (const state of states) {
    const part = pattern[state];
    if (state === pattern.length) continue;
    if (part === undefined) next.add(state);
    else if (part(char)) next.add(state + 1);
  }
  return next;
}

/** The place in a text where a pattern is matched, and how much it may take. */
export interface MatchPlace {
  readonly chars: readonly string[];
  readonly start: number;
  readonly isShortest: boolean;
  /** The fewest characters that it may take; 0 when it is missing. */
  readonly atLeast?: number;
}

/** Adds the states that can be reached without a character: a star may match nothing. */
function closure(pattern: ShellPattern, states: Set<number>): Set<number> {
  // A set may grow during the iteration: added states are visited too.
  for (const state of states) {
    if (state < pattern.length && pattern[state] === undefined) states.add(state + 1);
  }
  return states;
}
