import { isObject } from '../is-object.ts';
const MAX_EXCERPT_LENGTH = 100;
const MAX_MESSAGE_LENGTH = 500;
/** Enough of a page for 100 visible characters. The limit keeps hostile markup cheap. */
const MAX_PAGE_LENGTH = 8_192;

/** Replaces every secret in a text for a log or an error. Empty secrets are ignored. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== '')
    .toSorted((a, b) => b.length - a.length)
    .reduce((hidden, secret) => hidden.replaceAll(secret, '[MASKED]'), text);
}

/**
 * Returns the first 100 visible characters of a page that arrived instead of JSON: without tags,
 * scripts, styles, control characters and repeated blanks. Secrets are hidden before the cut.
 */
export function excerptOf(page: string, secrets: readonly string[]): string {
  const text = page
    .slice(0, MAX_PAGE_LENGTH)
    .replace(/<(script|style)\b[^>]*>[\s\S]*?(<\/\1\s*>|$)/gi, ' ')
    .replace(/<!--[\s\S]*?(-->|$)/g, ' ')
    .replace(/<[^>]*(>|$)/g, ' ');
  return cut(hideSecrets(oneLine(text), secrets), MAX_EXCERPT_LENGTH);
}

/**
 * Returns GitLab's description of an error: `message` (a text, or fields with lists of faults) or
 * `error` of the JSON body, or the status alone. One line, secrets hidden. Source: gitlab-runner
 * `network/client.go` (ErrorResponseMessage).
 */
export function errorTextOf(
  answer: { readonly status: number; readonly json: unknown },
  secrets: readonly string[],
): string {
  const { status, json } = answer;
  const said = messageOf(json, secrets);
  return said === undefined ? `status ${status}` : `status ${status}: ${said}`;
}

/** Returns only the description; undefined when there is none. */
export function messageOf(json: unknown, secrets: readonly string[]): string | undefined {
  const said = isObject(json) ? (wordsOf(json['message']) ?? wordsOf(json['error'])) : undefined;
  return said && cut(hideSecrets(oneLine(said), secrets), MAX_MESSAGE_LENGTH);
}

function wordsOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (!isObject(value)) return undefined;
  const fields = Object.entries(value).map(([field, faults]) => {
    const list = Array.isArray(faults) ? faults : [faults];
    return `${field}: ${list.map(wordOf).join('; ')}`;
  });
  return fields.length === 0 ? undefined : fields.join(', ');
}

/** Returns a value as text. Deeper values are not part of an error that GitLab describes. */
function wordOf(value: unknown): string {
  return isPlain(value) ? String(value) : '…';
}

function isPlain(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
}

function cut(text: string, maxLength: number): string {
  const characters = Array.from(text);
  return characters.length <= maxLength ? text : `${characters.slice(0, maxLength).join('')}…`;
}
