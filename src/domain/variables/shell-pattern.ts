import { spendSteps, type ShellReader } from './shell-reader.ts';

/** Part of a pattern: undefined is `*`, a function tests one character. */
type Part = ((char: string) => boolean) | undefined;

/** A shell pattern in which `*` and `?` match slashes too. */
export type ShellPattern = readonly Part[];

/**
 * Parses a shell pattern; undefined when it is malformed. Source: behaviour of mvdan.cc/sh 3.13
 * (pattern.Regexp).
 */
export function parseShellPattern(text: string): ShellPattern | undefined {
  const chars = Array.from(text);
  const parts: Part[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? '';
    if (char === '*') parts.push(undefined);
    else if (char === '?') parts.push(() => true);
    else if (char === '[') {
      const set = readClass(chars, at + 1);
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
  ['blank', /^[ \t]$/],
  ['digit', /^[0-9]$/],
  ['lower', /^[a-z]$/],
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

function readClass(chars: readonly string[], start: number): ReadClass | undefined {
  if (chars[start] === '[' && chars[start + 1] === ':') return readNamedClass(chars, start + 2);
  const isNegated = ['!', '^'].includes(chars[start] ?? '');
  const ranges: CharRange[] = [];
  let at = isNegated ? start + 1 : start;
  do {
    const range = readRange(chars, at);
    if (range === undefined) return undefined;
    ranges.push(range);
    at = range.end;
  } while (chars[at] !== ']');
  const isIn = (char: string): boolean =>
    ranges.some(({ low, high }) => low <= codeOf(char) && codeOf(char) <= high);
  return { part: (char) => isIn(char) !== isNegated, end: at };
}

interface CharRange {
  readonly low: number;
  readonly high: number;
  readonly end: number;
}

function readRange(chars: readonly string[], start: number): CharRange | undefined {
  const at = chars[start] === '\\' ? start + 1 : start;
  const isRange = chars[at + 1] === '-' && (chars[at + 2] ?? ']') !== ']';
  const end = at + (isRange ? 3 : 1);
  if (end > chars.length) return undefined;
  const low = codeOf(chars[at] ?? '');
  const high = codeOf(chars[end - 1] ?? '');
  return low > high ? undefined : { low, high, end };
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
  { chars, start, isShortest }: MatchPlace,
): number | undefined {
  let states = closure(pattern, new Set([0]));
  let longest: number | undefined;
  for (let at = start; states.size > 0; at += 1) {
    spendSteps(reader, states.size);
    if (states.has(pattern.length)) {
      longest = at - start;
      if (isShortest) return longest;
    }
    const char = chars[at];
    if (char === undefined) break;
    const next = new Set<number>();
    for (const state of states) {
      const part = pattern[state];
      if (state === pattern.length) continue;
      if (part === undefined) next.add(state);
      else if (part(char)) next.add(state + 1);
    }
    states = closure(pattern, next);
  }
  return longest;
}

/** The place in a text where a pattern is matched, and how much it may take. */
export interface MatchPlace {
  readonly chars: readonly string[];
  readonly start: number;
  readonly isShortest: boolean;
}

/** Adds the states that can be reached without a character: a star may match nothing. */
function closure(pattern: ShellPattern, states: Set<number>): Set<number> {
  // A set may grow during the iteration: added states are visited too.
  for (const state of states) {
    if (state < pattern.length && pattern[state] === undefined) states.add(state + 1);
  }
  return states;
}
