/** Looks up a variable for expansion: the value that takes the place of its reference. */
export type ValueOf = (name: string) => string;

/** A reference at the beginning of a text, just behind its `$`. */
interface Reference {
  /** '' when this is no reference. */
  readonly name: string;
  /** Characters after the `$` that are used up. */
  readonly length: number;
}

const NO_REFERENCE: Reference = { name: '', length: 0 };
const NO_CLOSING_BRACE: Reference = { name: '', length: 1 };
const EMPTY_BRACES: Reference = { name: '', length: 2 };
const SPECIAL: ReadonlySet<string> = new Set('*#$@!?-0123456789');

/**
 * Replaces `$NAME` and `${NAME}` by `valueOf(NAME)`, in one pass: what comes out is not looked at
 * again. A `$` that nothing nameable follows stays; `${}` and a `${` that is never closed vanish.
 * One of `*#$@!?-` and digits is a name of its own, as in a shell. Source: Go `os.Expand`.
 */
export function expandText(text: string, valueOf: ValueOf): string {
  let dollar = text.indexOf('$');
  if (dollar === -1) return text;
  // Once a brace is found never to be closed, none behind it is: keeps hostile text linear.
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

/** A letter, a digit or `_`: by code, since a value may hold a million references. */
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
 * Names that mean something to a shell and are no variables: `$$` is a dollar sign, the others are
 * empty. undefined for any other name. Source: gitlab-runner `common/spec/variables.go`.
 */
export function specialValue(name: string): string | undefined {
  if (name === '$') return '$';
  return NEVER_SET.has(name) ? '' : undefined;
}
