import { ExpressionFault } from './fault.ts';

/** How deep brackets, operators before a value and templates in templates may lie in each other. */
const MAX_DEPTH = 100;
/** How many values and operators one expression may have: all of them may lie in each other. */
const MAX_COUNT = 1_000;
const SHOWN_CHARS = 40;

/** A place in a text that is being read. */
export interface Cursor {
  readonly text: string;
  at: number;
  /** Goes on behind `token` when it is next. */
  take(token: string): boolean;
  /** The same, over white space before it. */
  takeNext(token: string): boolean;
  /** What the pattern matches right here, behind which it goes on. The pattern must be sticky. */
  match(pattern: RegExp): string | undefined;
  skipSpace(): void;
  expect(token: string): void;
  fail(problem: string): never;
  /** Text of hostile depth must not use up the stack. */
  deeper<T>(read: () => T): T;
  /** Counts one more part of an expression. */
  count(): void;
  /** An expression begins that is in no other one. */
  startCount(): void;
}

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
      throw new ExpressionFault(`${problem} at character ${cursor.at + 1}, found ${found}`);
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
