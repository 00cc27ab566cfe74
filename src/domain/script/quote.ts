/**
 * Quotes a text as one word of a POSIX shell, whatever it contains. A NUL byte, which shells cannot
 * hold, becomes U+FFFD. Values of a job get into scripts only through this function.
 */
export function quote(text: string): string {
  return `'${text.replaceAll('\0', '\u{fffd}').replaceAll("'", "'\\''")}'`;
}

/** Formats a simple command in which every word is literal. */
export function command(...words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : quote(word))).join(' ');
}
