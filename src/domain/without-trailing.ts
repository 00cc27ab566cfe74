/**
 * Returns the text without this character at its end. Unlike the pattern `/x+$/`, which tries every
 * run of the character anew, this takes linear time.
 */
export function withoutTrailing(text: string, character: string): string {
  let end = text.length;
  while (end > 0 && text.charAt(end - 1) === character) end -= 1;
  return text.slice(0, end);
}
