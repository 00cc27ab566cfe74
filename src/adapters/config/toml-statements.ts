import { parse } from 'toml';

/** A value as it is written. Its inner structure matters only where tables may be merged. */
export type WrittenValue =
  | { readonly kind: 'leaf'; readonly raw: string; readonly offset: number }
  | { readonly kind: 'list'; readonly items: readonly WrittenValue[] }
  | { readonly kind: 'table'; readonly pairs: readonly WrittenPair[] };

export interface WrittenPair {
  /** All parts of a dotted key. */
  readonly key: readonly string[];
  readonly value: WrittenValue;
  /** Its position, in UTF-16 units from the start of the text. */
  readonly offset: number;
}

export type Statement =
  | ({ readonly kind: 'pair' } & WrittenPair)
  | {
      readonly kind: 'header' | 'list_header';
      readonly key: readonly string[];
      readonly offset: number;
    };

const BLANK = /[\s]+|#[^\n]*/y;
const KEY_PART = /"(?:\\.|[^"\\])*"|'[^']*'|[\w-]+/y;
const DOT = /[ \t]*\.[ \t]*/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const TEXT = /"""(?:\\[\s\S]|[^\\])*?"{3,5}(?!")|'''[\s\S]*?'{3,5}(?!')|"(?:\\.|[^"\\])*"|'[^']*'/y;
/** Matches a number, a time or a boolean. A time may contain a blank. */
const BARE = /[^\s,\]}#]+(?: \d[^\s,\]}#]*)?/y;

/**
 * Splits a text that must be valid TOML into headers and pairs. Values stay as they are written.
 */
export function readStatements(text: string): readonly Statement[] {
  const cursor = new Cursor(text);
  const statements: Statement[] = [];
  while (cursor.skipBlanks()) statements.push(readStatement(cursor));
  return statements;
}

function readStatement(cursor: Cursor): Statement {
  const { offset } = cursor;
  if (!cursor.takes('[')) return { kind: 'pair', ...readPair(cursor) };
  const isList = cursor.takes('[');
  cursor.skipBlanks();
  const key = readKey(cursor);
  cursor.skipBlanks();
  cursor.expect(isList ? ']]' : ']');
  return { kind: isList ? 'list_header' : 'header', key, offset };
}

function readPair(cursor: Cursor): WrittenPair {
  const { offset } = cursor;
  const key = readKey(cursor);
  cursor.match(EQUALS);
  return { key, value: readValue(cursor), offset };
}

function readKey(cursor: Cursor): readonly string[] {
  const parts: string[] = [];
  do parts.push(keyName(cursor.match(KEY_PART)));
  while (cursor.takesMatch(DOT));
  return parts;
}

/** Returns the name of a key. The parser reads quotes and escapes in it. */
function keyName(written: string): string {
  return /^["']/.test(written)
    ? (Object.keys(parse(`${written} = 0`) as object)[0] ?? '')
    : written;
}

function readValue(cursor: Cursor): WrittenValue {
  if (cursor.takes('{')) {
    return { kind: 'table', pairs: readItems(cursor, { end: '}', readItem: readPair }) };
  }
  if (cursor.takes('[')) {
    return { kind: 'list', items: readItems(cursor, { end: ']', readItem: readValue }) };
  }
  const { offset } = cursor;
  return { kind: 'leaf', raw: cursor.takesMatch(TEXT) ?? cursor.match(BARE), offset };
}

interface Items<Item> {
  readonly end: string;
  readonly readItem: (cursor: Cursor) => Item;
}

function readItems<Item>(cursor: Cursor, { end, readItem }: Items<Item>): readonly Item[] {
  const items: Item[] = [];
  for (cursor.skipBlanks(); !cursor.takes(end); cursor.skipBlanks()) {
    items.push(readItem(cursor));
    cursor.skipBlanks();
    cursor.takes(',');
  }
  return items;
}

class Cursor {
  offset = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Skips white space, line ends and comments. Returns false at the end of the text. */
  skipBlanks(): boolean {
    while (this.takesMatch(BLANK) !== undefined);
    return this.offset < this.#text.length;
  }

  takes(mark: string): boolean {
    if (!this.#text.startsWith(mark, this.offset)) return false;
    this.offset += mark.length;
    return true;
  }

  expect(mark: string): void {
    if (!this.takes(mark)) throw new Error(`"${mark}" expected`);
  }

  takesMatch(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.#text)?.[0];
    this.offset += found?.length ?? 0;
    return found;
  }

  match(pattern: RegExp): string {
    const found = this.takesMatch(pattern);
    if (found === undefined) throw new Error('unexpected text');
    return found;
  }
}
