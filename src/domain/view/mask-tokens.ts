/** Matches GitLab's tokens anywhere in a text. */
const TOKEN_TEXT = /\b(gl(?:rt|rtr|cbt|pat|dt|ptt|soat|agent|ffct)-(?:t\d_)?|GR1348941)[\w.-]{6,}/g;
/** Matches `user:password@` in an address. */
const CREDENTIALS_IN_URL = /(:\/\/[^\s/:@]*:)[^\s/@]+@/g;

/** The text that people see in place of a secret. */
export const MASKED = '[MASKED]';

/**
 * Hides everything in a text of unknown origin that has the shape of a secret: tokens, and
 * passwords in addresses.
 */
export function maskTokens(text: string): string {
  return text.replace(TOKEN_TEXT, `$1${MASKED}`).replace(CREDENTIALS_IN_URL, `$1${MASKED}@`);
}
