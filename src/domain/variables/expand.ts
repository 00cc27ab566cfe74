/** Looks up a variable for expansion: the value that takes the place of its reference. */
export type ValueOf = (name: string) => string;

/** A reference, read from after its `$`. */
interface Reference {
  /** The name; empty when this is not a reference. */
  readonly name: string;
  /** Number of characters after the `$` that belong to it. */
  readonly length: number;
}

const NO_REFERENCE: Reference = { name: '', length: 0 };
const NO_CLOSING_BRACE: Reference = { name: '', length: 1 };
const EMPTY_BRACES: Reference = { name: '', length: 2 };
const SPECIAL: ReadonlySet<string> = new Set('*#$@!?-0123456789');

/**
 * Replaces `$NAME` and `${NAME}` by `valueOf(NAME)`, in one pass: values are not expanded again. A
 * `$` without a name stays; `${}` and an unclosed `${` are removed. One of `*#$@!?-` or a digit is
 * a name of its own, as in a shell. Source: Go `os.Expand`.
 */
export function expandText(text: string, valueOf: ValueOf): string {
  let dollar = text.indexOf('$');
  if (dollar === -1) return text;
  // No brace after the last `}` can be closed. Finding it once keeps hostile texts linear.
  const lastBrace = text.lastIndexOf('}');
  let expanded = '';
  let start = 0;
  while (dollar !== -1 && dollar + 1 < text.length) {
    const { name, length } = referenceAt(text, dollar + 1, lastBrace);
    expanded += text.slice(start, dollar);
    if (name !== '') expanded += valueOf(name);
    else if (length === 0) expanded += '$';
    start = dollar + 1 + length;
    dollar = text.indexOf('$', start);
  }
  return expanded + text.slice(start);
}

function referenceAt(text: string, at: number, lastBrace: number): Reference {
  const first = text.charAt(at);
  if (first === '{') return bracedAt(text, at, lastBrace);
  if (SPECIAL.has(first)) return { name: first, length: 1 };
  let end = at;
  while (isNameCode(text.charCodeAt(end))) end += 1;
  return end === at ? NO_REFERENCE : { name: text.slice(at, end), length: end - at };
}

/**
 * Tests for a letter, a digit or `_` by its code, because a value may contain a million references.
 */
function isNameCode(code: number): boolean {
  const letter = code | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x5f;
}

function bracedAt(text: string, at: number, lastBrace: number): Reference {
  const second = text.charAt(at + 1);
  if (SPECIAL.has(second) && text.charAt(at + 2) === '}') return { name: second, length: 3 };
  if (lastBrace < at) return NO_CLOSING_BRACE;
  const end = text.indexOf('}', at + 1);
  if (end === at + 1) return EMPTY_BRACES;
  return { name: text.slice(at + 1, end), length: end - at + 1 };
}

const NEVER_SET: ReadonlySet<string> = new Set('*#@!?0123456789');

/**
 * Values of names with a special meaning in a shell: `$$` is a dollar sign, the others are empty.
 * undefined for any other name. Source: gitlab-runner `common/spec/variables.go`.
 */
export function specialValue(name: string): string | undefined {
  if (name === '$') return '$';
  return NEVER_SET.has(name) ? '' : undefined;
}
