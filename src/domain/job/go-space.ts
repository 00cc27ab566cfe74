/** White space of Go's `unicode.IsSpace`. Unlike JavaScript's it has U+0085, and not U+FEFF. */
const IS_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/**
 * Removes white space at both ends. Unlike a pattern, this takes linear time. Source: Go
 * `strings.TrimSpace`.
 */
export function trimGoSpace(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(text, start)) start += 1;
  return trimGoSpaceEnd(text.slice(start));
}

/** Removes white space at the end. Source: Go `strings.TrimRightFunc` with `unicode.IsSpace`. */
export function trimGoSpaceEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text, end - 1)) end -= 1;
  return text.slice(0, end);
}

function isSpace(text: string, at: number): boolean {
  return IS_SPACE.test(text.charAt(at));
}
