/** A text as its code points: `?` takes a whole character, however many units it has. */
export type Codes = Uint32Array;

/** The characters with a meaning in a pattern. */
export const CODE = {
  slash: 0x2f,
  star: 0x2a,
  question: 0x3f,
  openClass: 0x5b,
  closeClass: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
  comma: 0x2c,
  backslash: 0x5c,
  minus: 0x2d,
  caret: 0x5e,
  bang: 0x21,
} as const;

/** The code points of a text. */
export function codesOf(text: string): Codes {
  const codes = new Uint32Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; length += 1) {
    const code = text.codePointAt(at) ?? 0;
    codes[length] = code;
    at += code > 0xffff ? 2 : 1;
  }
  return codes.subarray(0, length);
}

/** Whether a pattern is well formed from `start` on. Source: doublestar 4.10 `validate.go`. */
export function isWellFormed(pattern: Codes, start: number): boolean {
  let depth = 0;
  for (let at = start; at < pattern.length; at += 1) {
    switch (pattern[at]) {
      case CODE.backslash:
        at += 1;
        if (at >= pattern.length) return false;
        break;
      case CODE.openClass:
        at = endOfClass(pattern, at);
        if (at === -1) return false;
        break;
      case CODE.openBrace:
        depth += 1;
        break;
      case CODE.closeBrace:
        depth -= 1;
        if (depth < 0) return false;
        break;
    }
  }
  return depth === 0;
}

/**
 * The index of the `]` that closes the class opened at `open`; -1 when the class is empty or not
 * closed.
 */
function endOfClass(pattern: Codes, open: number): number {
  let at = open + 1;
  if (isNegation(pattern[at])) at += 1;
  if (at >= pattern.length || pattern[at] === CODE.closeClass) return -1;
  return indexOfClassEnd(pattern, at);
}

/** Whether a code negates the class that it begins: `!` or `^`. */
export function isNegation(code: number | undefined): boolean {
  return code === CODE.bang || code === CODE.caret;
}

/** The first unescaped `]` from `start` on; -1 when there is none. */
export function indexOfClassEnd(pattern: Codes, start: number): number {
  for (let at = start; at < pattern.length; at += 1) {
    if (pattern[at] === CODE.backslash) at += 1;
    else if (pattern[at] === CODE.closeClass) return at;
  }
  return -1;
}

/** The `}` that closes a brace opened before `start`; -1 when there is none. Ignores classes. */
export function indexOfBraceEnd(pattern: Codes, start: number): number {
  let depth = 1;
  for (let at = start; at < pattern.length; at += 1) {
    const code = pattern[at];
    if (code === CODE.backslash) at += 1;
    else if (code === CODE.openBrace) depth += 1;
    else if (code === CODE.closeBrace) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
}

/** The end of the alternative that begins at `start`: its comma, or `end`. */
export function indexOfAlternativeEnd(pattern: Codes, start: number, end: number): number {
  let depth = 1;
  for (let at = start; at < end; at += 1) {
    const code = pattern[at];
    if (code === CODE.backslash) at += 1;
    else if (code === CODE.openBrace) depth += 1;
    else if (code === CODE.closeBrace) depth -= 1;
    else if (code === CODE.comma && depth === 1) return at;
  }
  return end;
}

/** The endings of a pattern that may remain when the path has ended. */
const EMPTY_TAILS: ReadonlySet<string> = new Set(['', '*', '**', '/**', '**/', '/**/']);

/** Whether the rest of a pattern from `start` on matches the empty text: `a/**` matches `a`. */
export function isEmptyTail(pattern: Codes, start: number): boolean {
  const length = pattern.length - start;
  return length <= 4 && EMPTY_TAILS.has(String.fromCodePoint(...pattern.subarray(start)));
}
