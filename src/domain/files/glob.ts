import { matchCodes, type MatchOptions, type Measured } from './glob-matcher.ts';
import { codesOf, isWellFormed, type Codes } from './glob-syntax.ts';

export type { GlobVerdict, Measured } from './glob-matcher.ts';

/** A pattern for paths or image names, with `/` between their parts. */
export interface Glob {
  /** Whether it matches the whole path. The time is bounded for every pattern and path. */
  readonly matches: (path: string) => boolean;
  /** Like `matches`, with the cost, for callers that match many paths; see {@link MAX_STEPS}. */
  readonly measure: (path: GlobPath, options?: Partial<MatchOptions>) => Measured;
  /** The beginning of every match: the text before the first special character, without escapes. */
  readonly literalPrefix: string;
  /** True when it has no special character: it matches `literalPrefix` and nothing else. */
  readonly isLiteral: boolean;
}

/** A path that is prepared for matching against many patterns. */
export interface GlobPath {
  readonly text: string;
  readonly codes: () => Codes;
}

/** Prepares a path for matching against many patterns. */
export function globPath(text: string): GlobPath {
  let codes: Codes | undefined;
  return { text, codes: () => (codes ??= codesOf(text)) };
}

/**
 * A step takes a few nanoseconds, so this many take about 5 ms. Matching the longest path of Linux
 * against a pattern written by a person takes a few thousand. A match that takes more fails.
 */
export const MAX_STEPS = 500_000;

/**
 * Parses a pattern: `*` any text within a part of a path, `**` as a whole part any number of parts,
 * `?` one character, `[a-z]`, `[^a]` and `[!a]` one of a class, `{a,b}` alternatives, which nest,
 * and `\` removes the meaning of the next character. Dotfiles are like other files. Returns
 * undefined when it is malformed: a class or brace that is not closed, an empty class, a `\` at the
 * end. Source: doublestar 4.10, to which gitlab-runner leaves paths, excludes and allowed images.
 */
export function parseGlob(pattern: string): Glob | undefined {
  const codes = codesOf(pattern);
  return isWellFormed(codes, 0) ? readGlob(pattern) : undefined;
}

/** Reads a pattern that may be malformed: it matches as far as it can be read. */
export function readGlob(pattern: string): Glob {
  const codes = codesOf(pattern);
  const { prefix: literalPrefix, isLiteral } = splitLiteral(pattern);
  const measure: Glob['measure'] = (path, options = {}) =>
    isLiteral && options.takesBelow !== true
      ? { verdict: path.text === literalPrefix ? 'match' : 'no_match', steps: 1 }
      : matchCodes(codes, path.codes(), {
          limitSteps: options.limitSteps ?? MAX_STEPS,
          takesBelow: options.takesBelow ?? false,
          starsMayBeEmpty: options.starsMayBeEmpty ?? false,
        });
  return {
    measure,
    matches: (path) => measure(globPath(path)).verdict === 'match',
    literalPrefix,
    isLiteral,
  };
}

function splitLiteral(pattern: string): { readonly prefix: string; readonly isLiteral: boolean } {
  const parts: string[] = [];
  let start = 0;
  let at = 0;
  for (; at < pattern.length && !'*?[{'.includes(pattern.charAt(at)); at += 1) {
    if (pattern.charAt(at) !== '\\') continue;
    parts.push(pattern.slice(start, at));
    start = at + 1;
    at += 1;
  }
  parts.push(pattern.slice(start, at));
  return { prefix: parts.join(''), isLiteral: at === pattern.length };
}
