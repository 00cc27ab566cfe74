import { cleanPath } from '../job/project-dir.ts';

/** A cache key that is safe as a relative path. */
export interface SanitizedKey {
  /** Relative path without `.` and `..`; '' when nothing is left of the key. */
  readonly key: string;
  /** Set when the key could not be used as it is. */
  readonly warning: string | undefined;
}

/**
 * Turns a cache key into a safe relative path. Encoded slashes and dots are decoded, `\` counts as
 * `/`, `.` and `..` are resolved below a root that is never left, and trailing white space is
 * removed. A key with a zero byte is unusable. Source: gitlab-runner `cache/cachekey/cachekey.go`,
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

/** Resolves dots in one pass, like gitlab-runner: `%%2e2e` does not become a dot. */
function resolveKey(rawKey: string): string {
  const decoded = rawKey.replace(/%2f|%2e|\\/gi, (code) => (/%2e/i.test(code) ? '.' : '/'));
  const parts = cleanPath(`/${decoded}`).slice(1).split('/');
  while (parts.length > 0) {
    const last = trimEnd(parts.pop() ?? '');
    // Unlike in gitlab-runner, `.. ` leads nowhere after its trailing white space is removed.
    if (last === '..') parts.pop();
    else if (last !== '' && last !== '.') return [...parts, last].join('/');
  }
  return '';
}

/** Trims white space as Go's `unicode.IsSpace` defines it: with U+0085, without U+FEFF. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && IS_SPACE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

const IS_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

const MAX_SHOWN_CHARS = 200;

/** Quotes a text on one line of limited length, so that a hostile key cannot fill the trace. */
export function quote(text: string): string {
  return JSON.stringify(
    text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text,
  );
}
