import { ExpressionFault } from './fault.ts';

/** The greatest nesting of brackets, prefix operators and templates within templates. */
const MAX_DEPTH = 100;
/** The greatest number of values and operators of one expression. All of them may be nested. */
const MAX_COUNT = 1_000;
const SHOWN_CHARS = 40;

/** A place in a text that is being read. */
export interface Cursor {
  readonly text: string;
  at: number;
  /** If `token` is next, moves past it and returns true. */
  take(token: string): boolean;
  /** Like `take`, after skipping white space. */
  takeNext(token: string): boolean;
  /**
   * Returns the match of the pattern at this place, and moves past it. The pattern must be sticky.
   */
  match(pattern: RegExp): string | undefined;
  skipSpace(): void;
  expect(token: string): void;
  fail(problem: string): never;
  /** Limits nesting, so that a hostile text cannot exhaust the stack. */
  deeper<T>(read: () => T): T;
  /** Counts one more part of an expression. */
  count(): void;
  /** Starts counting for an expression that is not part of another one. */
  startCount(): void;
}

/** A cursor at the beginning of a text. */
export function createCursor(text: string): Cursor {
  let depth = 0;
  let count = 0;
  const cursor: Cursor = {
    text,
    at: 0,
    take: (token) => {
      if (!text.startsWith(token, cursor.at)) return false;
      cursor.at += token.length;
      return true;
    },
    takeNext: (token) => {
      cursor.skipSpace();
      return cursor.take(token);
    },
    match: (pattern) => {
      pattern.lastIndex = cursor.at;
      const found = pattern.exec(text)?.[0];
      if (found !== undefined) cursor.at += found.length;
      return found;
    },
    skipSpace: () => {
      cursor.match(/\s*/y);
    },
    expect: (token) => {
      if (!cursor.takeNext(token)) cursor.fail(`expected "${token}"`);
    },
    fail: (problem) => {
      const rest = text.slice(cursor.at, cursor.at + SHOWN_CHARS);
      const found = rest === '' ? 'the end of the text' : JSON.stringify(rest);
      const message = `${problem} at character ${cursor.at + 1}, found ${found}`;
      throw new ExpressionFault(message, 'parse');
    },
    deeper: (read) => {
      if (depth === MAX_DEPTH) cursor.fail(`nested more than ${MAX_DEPTH} times`);
      depth += 1;
      const result = read();
      depth -= 1;
      return result;
    },
    count: () => {
      count += 1;
      if (count > MAX_COUNT) cursor.fail(`an expression has more than ${MAX_COUNT} parts`);
    },
    startCount: () => {
      count = 0;
    },
  };
  return cursor;
}
