/**
 * Quotes a text of unknown origin for a message: on one line, without control characters, and cut
 * after `maxChars`, so that a hostile text cannot fill a log.
 */
export function quoteText(text: string, maxChars = 100): string {
  return JSON.stringify(text.length > maxChars ? `${text.slice(0, maxChars)}…` : text);
}
