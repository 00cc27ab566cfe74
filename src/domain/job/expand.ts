/** Looks up a variable for expansion: the value that takes the place of its reference. */
export type ValueOf = (name: string) => string;

/** A reference at the beginning of a text, just behind its `$`. */
interface Reference {
  /** '' when this is no reference. */
  readonly name: string;
  /** Characters after the `$` that are used up. */
  readonly length: number;
}

const NO_CLOSING_BRACE: Reference = { name: '', length: 1 };
const EMPTY_BRACES: Reference = { name: '', length: 2 };
const SPECIAL = /[*#$@!?0-9-]/;
const NAME = /[A-Za-z0-9_]*/y;

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
  const parts: string[] = [];
  let start = 0;
  while (dollar !== -1 && dollar + 1 < text.length) {
    const { name, length } = referenceAt(text, dollar + 1, lastBrace);
    parts.push(text.slice(start, dollar));
    if (name !== '') parts.push(valueOf(name));
    else if (length === 0) parts.push('$');
    start = dollar + 1 + length;
    dollar = text.indexOf('$', start);
  }
  parts.push(text.slice(start));
  return parts.join('');
}

function referenceAt(text: string, at: number, lastBrace: number): Reference {
  const first = text.charAt(at);
  if (first === '{') return bracedAt(text, at, lastBrace);
  if (SPECIAL.test(first)) return { name: first, length: 1 };
  NAME.lastIndex = at;
  const name = NAME.exec(text)?.[0] ?? '';
  return { name, length: name.length };
}

function bracedAt(text: string, at: number, lastBrace: number): Reference {
  const second = text.charAt(at + 1);
  if (SPECIAL.test(second) && text.charAt(at + 2) === '}') return { name: second, length: 3 };
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
