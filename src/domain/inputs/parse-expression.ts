import type { Cursor } from './cursor.ts';
import { OPEN, parseDoubleQuoted, parseSingleQuoted } from './parse-text.ts';
import { BINARY_OPERATORS, RESERVED_WORDS, type Expression } from './syntax.ts';

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const CLOSE = '}}';
const UNARY_OPERATORS = ['+', '-', '!'] as const;

/**
 * Parses a whole text with expressions. `\${{` is a literal `${{`; no other backslash is special.
 * Throws an {@link ExpressionFault} with the place of a malformed expression. Source: GitLab
 * documentation, "Moa expression language".
 */
export function parseTemplate(cursor: Cursor): readonly (string | Expression)[] {
  const { text } = cursor;
  const parts: (string | Expression)[] = [];
  let open = text.indexOf(OPEN);
  while (open !== -1) {
    const isEscaped = open > cursor.at && text[open - 1] === '\\';
    parts.push(text.slice(cursor.at, isEscaped ? open - 1 : open));
    cursor.at = open + OPEN.length;
    cursor.startCount();
    parts.push(isEscaped ? OPEN : parseEmbedded(cursor));
    open = text.indexOf(OPEN, cursor.at);
  }
  return [...parts, text.slice(cursor.at)];
}

/** Reads an expression in a text. Begins after a `${{`. */
function parseEmbedded(cursor: Cursor): Expression {
  const expression = parseExpression(cursor);
  cursor.expect(CLOSE);
  return expression;
}

/** Reads one expression and stops after it. */
function parseExpression(cursor: Cursor): Expression {
  return cursor.deeper(() => parseBinary(cursor, 0));
}

/** Reads binary operators. All of them are left-associative. */
function parseBinary(cursor: Cursor, level: number): Expression {
  const operators = BINARY_OPERATORS[level];
  if (operators === undefined) return parseUnary(cursor);
  let left = parseBinary(cursor, level + 1);
  for (;;) {
    const operator = operators.find((each) => cursor.takeNext(each));
    if (operator === undefined) return left;
    cursor.count();
    left = { kind: 'binary', operator, left, right: parseBinary(cursor, level + 1) };
  }
}

function parseUnary(cursor: Cursor): Expression {
  const operator = UNARY_OPERATORS.find((each) => cursor.takeNext(each));
  if (operator === undefined) return parsePostfix(cursor);
  return { kind: 'unary', operator, operand: cursor.deeper(() => parseUnary(cursor)) };
}

function parsePostfix(cursor: Cursor): Expression {
  let expression = parsePrimary(cursor);
  for (;;) {
    cursor.count();
    if (cursor.takeNext('.')) {
      cursor.skipSpace();
      const value = cursor.match(NAME) ?? cursor.fail('expected a name behind "."');
      expression = { kind: 'member', of: expression, key: { kind: 'literal', value } };
    } else if (cursor.takeNext('[')) {
      const key = parseExpression(cursor);
      cursor.expect(']');
      expression = { kind: 'member', of: expression, key };
    } else if (cursor.takeNext('(')) {
      if (expression.kind !== 'name') cursor.fail('only a function can be called');
      const args = parseList(cursor, ')', parseExpression);
      expression = { kind: 'call', name: expression.name, args };
    } else return expression;
  }
}

function parsePrimary(cursor: Cursor): Expression {
  cursor.skipSpace();
  if (cursor.take('"')) return parseDoubleQuoted(cursor, parseEmbedded);
  if (cursor.take("'")) return parseSingleQuoted(cursor);
  if (cursor.take('[')) return { kind: 'array', items: parseList(cursor, ']', parseExpression) };
  if (cursor.take('{')) return { kind: 'object', members: parseList(cursor, '}', parseMember) };
  if (cursor.take('(')) {
    const inner = parseExpression(cursor);
    cursor.expect(')');
    return inner;
  }
  const number = cursor.match(NUMBER);
  if (number !== undefined) return { kind: 'literal', value: Number(number) };
  return parseWord(cursor);
}

function parseWord(cursor: Cursor): Expression {
  const start = cursor.at;
  const word = cursor.match(NAME) ?? cursor.fail('expected a value');
  if (word === 'null') return { kind: 'literal', value: null };
  if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
  if (!RESERVED_WORDS.has(word)) return { kind: 'name', name: word };
  cursor.at = start;
  return cursor.fail('a reserved word is no name');
}

/**
 * Reads a member of an object. A bare name is a text key here. In parentheses it is an expression.
 */
function parseMember(cursor: Cursor): readonly [Expression, Expression] {
  cursor.skipSpace();
  const name = cursor.match(NAME);
  const key: Expression =
    name === undefined ? parsePrimary(cursor) : { kind: 'literal', value: name };
  cursor.expect(':');
  return [key, parseExpression(cursor)];
}

/** Reads a list. Begins after the opening bracket. A comma may follow the last item. */
function parseList<T>(cursor: Cursor, close: string, parseItem: (at: Cursor) => T): readonly T[] {
  const items: T[] = [];
  while (!cursor.takeNext(close)) {
    items.push(parseItem(cursor));
    if (cursor.takeNext(',')) continue;
    cursor.expect(close);
    break;
  }
  return items;
}
