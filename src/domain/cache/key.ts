import { trimGoSpaceEnd } from '../job/go-space.ts';
import { cleanPath } from '../job/project-dir.ts';
import { quoteText } from '../quote-text.ts';

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
  if (key === '') return { key, warning: `cache key ${quoteKey(rawKey)} could not be sanitized` };
  const warning =
    key === rawKey ? undefined : `cache key ${quoteKey(rawKey)} sanitized to ${quoteKey(key)}`;
  return { key, warning };
}

/** Resolves dots in one pass, like gitlab-runner: `%%2e2e` does not become a dot. */
function resolveKey(rawKey: string): string {
  const decoded = rawKey.replace(/%2f|%2e|\\/gi, (code) => (/%2e/i.test(code) ? '.' : '/'));
  const parts = cleanPath(`/${decoded}`).slice(1).split('/');
  while (parts.length > 0) {
    const last = trimGoSpaceEnd(parts.pop() ?? '');
    // Unlike in gitlab-runner, `.. ` leads nowhere after its trailing white space is removed.
    if (last === '..') parts.pop();
    else if (last !== '' && last !== '.') return [...parts, last].join('/');
  }
  return '';
}

/** Quotes a key for a message, so that a hostile one cannot fill the trace. */
export function quoteKey(key: string): string {
  return quoteText(key, 200);
}
