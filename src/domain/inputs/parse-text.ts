import type { Cursor } from './cursor.ts';
import type { Expression } from './syntax.ts';

/** The characters that begin an expression within a text. */
export const OPEN = '${{';

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ...(['\\', '"', '/'] as const).map((char) => [char, char] as const),
  ...([
    ['n', '\n'],
    ['r', '\r'],
    ['t', '\t'],
    ['a', '\u0007'],
    ['b', '\b'],
    ['f', '\f'],
    ['v', '\v'],
  ] as const),
]);

/**
 * Reads a text in double quotes. Begins after the opening quote. The text may contain escapes and
 * expressions.
 */
export function parseDoubleQuoted(
  cursor: Cursor,
  parseEmbedded: (cursor: Cursor) => Expression,
): Expression {
  const parts: (string | Expression)[] = [];
  for (;;) {
    const plain = cursor.match(/[^"\\$]+/y);
    if (plain !== undefined) parts.push(plain);
    else if (cursor.take('"')) return { kind: 'template', parts };
    else if (cursor.take(OPEN)) parts.push(parseEmbedded(cursor));
    else if (cursor.take('$')) parts.push('$');
    else parts.push(parseEscape(cursor));
  }
}

function parseEscape(cursor: Cursor): string {
  if (!cursor.take('\\')) cursor.fail('a text in double quotes has no end');
  if (cursor.take(OPEN)) return OPEN;
  const code = cursor.match(/u[0-9a-fA-F]{4}/y);
  if (code !== undefined) return noNul(cursor, String.fromCharCode(parseInt(code.slice(1), 16)));
  const meant = ESCAPES.get(cursor.text.charAt(cursor.at));
  if (meant === undefined) cursor.fail('no escape of a text in double quotes');
  cursor.at += 1;
  return meant;
}

/** Refuses NUL, which scripts, names and paths cannot contain. */
function noNul(cursor: Cursor, char: string): string {
  return char === '\0' ? cursor.fail('a text must not hold a NUL character') : char;
}

/**
 * Reads a text in single quotes. Begins after the opening quote. The text is literal except for
 * `\\` and `\'`.
 */
export function parseSingleQuoted(cursor: Cursor): Expression {
  let value = '';
  for (;;) {
    const plain = cursor.match(/[^'\\]+/y);
    if (plain !== undefined) value += plain;
    else if (cursor.take("'")) return { kind: 'literal', value };
    else if (cursor.take('\\')) value += cursor.match(/[\\']/y) ?? '\\';
    else cursor.fail('a text in single quotes has no end');
  }
}
