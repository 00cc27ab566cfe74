import { cleanPath } from '../job/project-dir.ts';

export interface SanitizedKey {
  /** Relative path without `.` and `..`; '' when nothing is left of the key. */
  readonly key: string;
  /** Set when the key could not be used as it is. */
  readonly warning: string | undefined;
}

/**
 * A cache key as a path that stays where it is put: encoded slashes and dots are decoded, `\` counts
 * as `/`, `.` and `..` are resolved below a root that is never left, and white space at the end goes.
 * A key with a zero byte names nothing. Source: gitlab-runner `cache/cachekey/cachekey.go`,
 * `shells/abstract.go` (newCacheConfig).
 */
export function sanitizeCacheKey(rawKey: string): SanitizedKey {
  if (rawKey === '') return { key: '', warning: undefined };
  const key = rawKey.includes('\0') ? '' : resolveKey(rawKey);
  if (key === '') return { key, warning: `cache key ${quote(rawKey)} could not be sanitized` };
  const warning =
    key === rawKey ? undefined : `cache key ${quote(rawKey)} sanitized to ${quote(key)}`;
  return { key, warning };
}

/** In one pass, as the peer: `%%2e2e` does not become a dot. */
function resolveKey(rawKey: string): string {
  const decoded = rawKey.replace(/%2f|%2e|\\/gi, (code) => (/%2e/i.test(code) ? '.' : '/'));
  const parts = cleanPath(`/${decoded}`).slice(1).split('/');
  while (parts.length > 0) {
    const last = trimEnd(parts.pop() ?? '');
    // Unlike the peer's, `.. ` leads nowhere once its white space is gone.
    if (last === '..') parts.pop();
    else if (last !== '' && last !== '.') return [...parts, last].join('/');
  }
  return '';
}

/** White space as Go's `unicode.IsSpace` has it: with U+0085, without U+FEFF. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && IS_SPACE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

const IS_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

const MAX_SHOWN_CHARS = 200;

/** One line, whatever is in it, and not a long one: a hostile key must not fill the trace. */
export function quote(text: string): string {
  return JSON.stringify(
    text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text,
  );
}
