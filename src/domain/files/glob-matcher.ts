import {
  CODE,
  indexOfAlternativeEnd,
  indexOfBraceEnd,
  indexOfClassEnd,
  isEmptyTail,
  isNegation,
  isWellFormed,
  type Codes,
} from './glob-syntax.ts';

/**
 * `malformed`: a fault in a part of the pattern that only some paths reach. `too_complex`: the step
 * limit was reached before the answer was known.
 */
export type GlobVerdict = 'match' | 'no_match' | 'malformed' | 'too_complex';

/** The result of a match and its cost in steps. */
export interface Measured {
  readonly verdict: GlobVerdict;
  readonly steps: number;
}

/** A position in pattern and path, and where to continue when they differ from there. */
interface Cursor {
  readonly pattern: Codes;
  at: number;
  pathAt: number;
  /** Position after the last `*` of this part of a path; -1 when there is none. */
  starAt: number;
  starPathAt: number;
  /** Position after the last `**` + `/`; -1 when there is none. */
  deepAt: number;
  deepPathAt: number;
  isPartStart: boolean;
}

/** Alternatives of a brace that have not been tried yet. */
interface Branches {
  readonly from: Cursor;
  /** Where the next one begins. */
  next: number;
  readonly end: number;
}

/** How a path is matched. */
export interface MatchOptions {
  readonly limitSteps: number;
  /** True: a path also matches when one of its parent directories does. */
  readonly takesBelow: boolean;
  /**
   * True: a star before braces also stands for nothing at the end of a path, as it does in
   * doublestar's searches, but not in its comparisons of a path with a pattern. Source:
   * `findings/doublestar-glob-and-match-disagree.sh`.
   */
  readonly starsMayBeEmpty: boolean;
}

interface Run extends MatchOptions {
  readonly path: Codes;
  readonly pending: Branches[];
  steps: number;
}

type Progress = 'goes_on' | 'differs' | 'branches' | 'match' | 'malformed';

/** Steps charged for copying code points, which is far cheaper than matching. A whole number. */
function copySteps(codes: number): number {
  return codes >> 3;
}

/** Steps charged for building the pattern of an alternative, however short it is. */
const STEPS_PER_BRANCH = 50;

/**
 * Whether a pattern matches the whole of a path, within a number of steps. Alternatives are tried
 * one after the other, each as if it stood alone in the pattern, and nothing is recursive.
 * Source: behaviour of doublestar 4.10 (Match), to which gitlab-runner leaves all its patterns.
 */
export function matchCodes(pattern: Codes, path: Codes, options: MatchOptions): Measured {
  const run: Run = { ...options, path, pending: [], steps: copySteps(path.length) };
  let cursor: Cursor | undefined = {
    pattern,
    at: 0,
    pathAt: 0,
    starAt: -1,
    starPathAt: -1,
    deepAt: -1,
    deepPathAt: -1,
    isPartStart: true,
  };
  let verdict: GlobVerdict = 'no_match';
  while (cursor !== undefined && verdict === 'no_match') {
    verdict = follow(run, cursor);
    cursor = nextBranch(run);
  }
  return { verdict, steps: run.steps };
}

function follow(run: Run, cursor: Cursor): GlobVerdict {
  for (;;) {
    run.steps += 1;
    if (run.steps > run.limitSteps) return 'too_complex';
    const isPathLeft = cursor.pathAt < run.path.length;
    let progress = isPathLeft ? takeTerm(run, cursor) : endPath(run, cursor);
    if (progress === 'differs') progress = isPathLeft ? goBack(run, cursor) : validate(run, cursor);
    if (progress === 'match' || progress === 'malformed') return progress;
    if (progress !== 'goes_on') return 'no_match';
  }
}

function takeTerm(run: Run, cursor: Cursor): Progress {
  switch (cursor.pattern[cursor.at]) {
    case undefined:
      return run.takesBelow && run.path[cursor.pathAt] === CODE.slash ? 'match' : 'differs';
    case CODE.star:
      return takeStar(cursor);
    case CODE.question:
      cursor.isPartStart = false;
      return run.path[cursor.pathAt] === CODE.slash ? 'differs' : advance(cursor, cursor.at + 1);
    case CODE.openClass:
      return takeClass(run, cursor);
    case CODE.openBrace:
      return branch(run, cursor);
    default:
      return takeLiteral(run, cursor);
  }
}

function advance(cursor: Cursor, at: number): Progress {
  cursor.at = at;
  cursor.pathAt += 1;
  return 'goes_on';
}

/** Takes a star. `**` is more than `*` only where it is a whole part of the path. */
function takeStar(cursor: Cursor): Progress {
  const { pattern } = cursor;
  cursor.at += 1;
  if (pattern[cursor.at] === CODE.star) {
    cursor.at += 1;
    if (cursor.isPartStart && cursor.at >= pattern.length) return 'match';
    if (cursor.isPartStart && pattern[cursor.at] === CODE.slash) {
      cursor.at += 1;
      cursor.deepAt = cursor.at;
      cursor.deepPathAt = cursor.pathAt;
      cursor.starAt = -1;
      return 'goes_on';
    }
  }
  cursor.isPartStart = false;
  cursor.starAt = cursor.at;
  cursor.starPathAt = cursor.pathAt;
  return 'goes_on';
}

function takeLiteral(run: Run, cursor: Cursor): Progress {
  const { pattern } = cursor;
  const isEscaped = pattern[cursor.at] === CODE.backslash;
  const at = isEscaped ? cursor.at + 1 : cursor.at;
  if (at >= pattern.length) return 'malformed';
  const code = pattern[at];
  if (code !== run.path[cursor.pathAt]) {
    // Validation must start at the backslash that escapes the next character.
    cursor.at = at > 0 && pattern[at - 1] === CODE.backslash ? at - 1 : at;
    return 'differs';
  }
  cursor.isPartStart = code === CODE.slash;
  return advance(cursor, at + 1);
}

function takeClass(run: Run, cursor: Cursor): Progress {
  const { pattern } = cursor;
  const wanted = run.path[cursor.pathAt] ?? 0;
  cursor.isPartStart = false;
  cursor.at += 1;
  const isNegated = isNegation(pattern[cursor.at]);
  if (isNegated) cursor.at += 1;
  if (cursor.at >= pattern.length || pattern[cursor.at] === CODE.closeClass) return 'malformed';
  const start = cursor.at;
  const isIn = findInClass(cursor, wanted);
  run.steps += cursor.at - start;
  if (isIn === isNegated) return cursor.at >= pattern.length ? 'malformed' : 'differs';
  const end = indexOfClassEnd(pattern, cursor.at);
  run.steps += (end === -1 ? pattern.length : end) - cursor.at;
  return end === -1 ? 'malformed' : advance(cursor, end + 1);
}

/**
 * Tests a character against a class. Leaves the cursor after the class when it matches, or at its
 * end.
 */
function findInClass(cursor: Cursor, wanted: number): boolean {
  let low = NO_LOW;
  while (!isAtClassEnd(cursor, cursor.at)) {
    const isRange =
      low < NO_LOW &&
      cursor.pattern[cursor.at] === CODE.minus &&
      !isAtClassEnd(cursor, cursor.at + 1);
    if (isRange) cursor.at += 1;
    const code = takeClassCode(cursor);
    if ((isRange ? low : code) <= wanted && wanted <= code) return true;
    low = isRange ? NO_LOW : code;
  }
  return false;
}

/** This is larger than any code point, so that no range begins with it. */
const NO_LOW = 0x10ffff;

function isAtClassEnd({ pattern }: Cursor, at: number): boolean {
  return at >= pattern.length || pattern[at] === CODE.closeClass;
}

function takeClassCode(cursor: Cursor): number {
  if (cursor.pattern[cursor.at] === CODE.backslash) cursor.at += 1;
  const code = cursor.pattern[cursor.at] ?? 0;
  cursor.at += 1;
  return code;
}

/** Replaces the brace and what follows by each alternative in turn. */
function branch(run: Run, cursor: Cursor): Progress {
  const next = cursor.at + 1;
  const end = indexOfBraceEnd(cursor.pattern, next);
  run.steps += copySteps((end === -1 ? cursor.pattern.length : end) - next);
  if (end === -1) return 'malformed';
  run.pending.push({ from: cursor, next, end });
  return 'branches';
}

/** The alternative to try next, in place of its brace; undefined when none is left. */
function nextBranch(run: Run): Cursor | undefined {
  const branches = run.pending.at(-1);
  if (branches === undefined) return undefined;
  const { from, next, end } = branches;
  const stop = indexOfAlternativeEnd(from.pattern, next, end);
  if (stop === end) run.pending.pop();
  branches.next = stop + 1;
  const before = from.pattern.subarray(0, from.at);
  const alternative = from.pattern.subarray(next, stop);
  const after = from.pattern.subarray(end + 1);
  const pattern = new Uint32Array(before.length + alternative.length + after.length);
  pattern.set(before);
  pattern.set(alternative, before.length);
  pattern.set(after, before.length + alternative.length);
  run.steps += STEPS_PER_BRANCH + copySteps(pattern.length + stop - next);
  // A spread of the object would cost more than the match.
  return {
    pattern,
    at: from.at,
    pathAt: from.pathAt,
    starAt: from.starAt,
    starPathAt: from.starPathAt,
    deepAt: from.deepAt,
    deepPathAt: from.deepPathAt,
    isPartStart: true,
  };
}

function endPath(run: Run, cursor: Cursor): Progress {
  if (isEmptyTail(cursor.pattern, cursor.at)) return 'match';
  if (run.starsMayBeEmpty) skipStarsBeforeBrace(cursor);
  return cursor.pattern[cursor.at] === CODE.openBrace ? branch(run, cursor) : 'differs';
}

function skipStarsBeforeBrace(cursor: Cursor): void {
  let { at } = cursor;
  while (cursor.pattern[at] === CODE.star) at += 1;
  if (cursor.pattern[at] === CODE.openBrace) cursor.at = at;
}

/** Lets the last star take one more character, or else the last `**` one more part of the path. */
function goBack(run: Run, cursor: Cursor): Progress {
  const { path } = run;
  if (cursor.starAt >= 0 && path[cursor.starPathAt] !== CODE.slash) {
    cursor.starPathAt += 1;
    cursor.at = cursor.starAt;
    cursor.pathAt = cursor.starPathAt;
    cursor.isPartStart = false;
    return 'goes_on';
  }
  if (cursor.deepAt >= 0) {
    const slash = path.indexOf(CODE.slash, cursor.deepPathAt);
    run.steps += (slash === -1 ? path.length : slash) - cursor.deepPathAt;
    if (slash !== -1) {
      cursor.deepPathAt = slash + 1;
      cursor.at = cursor.deepAt;
      cursor.pathAt = slash + 1;
      cursor.isPartStart = true;
      return 'goes_on';
    }
  }
  return validate(run, cursor);
}

function validate(run: Run, { pattern, at }: Cursor): Progress {
  run.steps += copySteps(pattern.length - at);
  return isWellFormed(pattern, at) ? 'differs' : 'malformed';
}
