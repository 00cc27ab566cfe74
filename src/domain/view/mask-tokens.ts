/** GitLab's tokens, anywhere in a text. */
const TOKEN_TEXT = /\b(gl(?:rt|rtr|cbt|pat|dt|ptt|soat|agent|ffct)-(?:t\d_)?|GR1348941)[\w.-]{6,}/g;
/** `user:password@` of an address. */
const CREDENTIALS_IN_URL = /(:\/\/[^\s/:@]*:)[^\s/@]+@/g;

/** What people see in place of a secret. */
export const MASKED = '[MASKED]';

/** Hides in a text of unknown origin what has the shape of a secret: tokens and passwords in addresses. */
export function maskTokens(text: string): string {
  return text.replace(TOKEN_TEXT, `$1${MASKED}`).replace(CREDENTIALS_IN_URL, `$1${MASKED}@`);
}
