/**
 * A text as one word of a POSIX shell, whatever is in it. A NUL byte, which no shell can hold, turns
 * into U+FFFD. This is the only way that values of a job get into a script.
 */
export function quote(text: string): string {
  return `'${text.replaceAll('\0', '\u{fffd}').replaceAll("'", "'\\''")}'`;
}

/** A simple command: every word is taken literally. */
export function command(...words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : quote(word))).join(' ');
}
