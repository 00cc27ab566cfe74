/**
 * Base of GitLab's API for the `url` of a `[[runners]]` entry, with `/` at its end: trailing slashes
 * go, then one `/ci`. undefined when the scheme is not http or https or there is no host.
 * Source: gitlab-runner `network/client.go` (fixCIURL, newClient).
 */
export function apiBaseUrl(url: string): string | undefined {
  const trimmed = url.trim().replace(/\/+$/, '').replace(/\/ci$/, '');
  if (!/^https?:\/\/[^/?#\s]+[^?#\s]*$/i.test(trimmed)) return undefined;
  return `${trimmed.replace(/\/+$/, '')}/api/v4/`;
}

export type RedirectVerdict =
  | { readonly kind: 'follow'; readonly url: string }
  | { readonly kind: 'refuse'; readonly reason: string };

export interface Redirect {
  readonly status: number;
  readonly from: { readonly protocol: string; readonly hostname: string };
  /** Where `Location` leads, resolved; undefined when it is missing or nonsense. */
  readonly to:
    { readonly protocol: string; readonly hostname: string; readonly href: string } | undefined;
}

/**
 * Whether a redirect is followed. Only 307 and 308 keep method and body; and every call carries a
 * token, which must not reach another host nor go in the clear. Stricter than gitlab-runner, which
 * forwards the token. Source: spec/coordinator-api 1.11, threats S18.
 */
export function judgeRedirect({ status, from, to }: Redirect): RedirectVerdict {
  if (to === undefined) return { kind: 'refuse', reason: 'to nowhere' };
  if (status !== 307 && status !== 308) {
    return { kind: 'refuse', reason: 'in a way that loses the body of the request' };
  }
  if (to.hostname !== from.hostname) return { kind: 'refuse', reason: 'to another host' };
  if (from.protocol === 'https:' && to.protocol !== 'https:') {
    return { kind: 'refuse', reason: 'from https to an unencrypted address' };
  }
  return { kind: 'follow', url: to.href };
}

interface Address {
  readonly protocol: string;
  readonly origin: string;
  readonly pathname: string;
}

/**
 * Where GitLab points an upload to: on its own host the very address, with the query where it has
 * none; elsewhere the upload's place in
 * the API of that server. undefined when the way leads from https into the clear. `path` is that of
 * the upload below an API.
 */
export function uploadAddress(
  to: Address & { readonly hostname: string; readonly search: string; readonly href: string },
  { from, path }: { readonly from: Address & { readonly hostname: string }; readonly path: string },
): string | undefined {
  const server = uploadServerUrl(to, from);
  if (server === undefined) return undefined;
  if (to.hostname !== from.hostname) return `${server}/api/v4/${path}`;
  // GitLab learns from the query alone what it is sent.
  return to.search === '' ? `${to.href}${/\?.*$/.exec(path)?.[0] ?? ''}` : to.href;
}

/**
 * The server that GitLab points an upload to, as the `url` of a runner: origin, and the path that
 * GitLab has there. undefined when the way leads from https into the clear. Other hosts are meant
 * to be reached: a secondary site of Geo sends uploads to its primary. The peer drops the path.
 * Source: gitlab-runner `commands/helpers/artifacts_uploader.go` (handleRedirect).
 */
export function uploadServerUrl(to: Address, from: Pick<Address, 'protocol'>): string | undefined {
  if (to.protocol !== 'https:' && (to.protocol !== 'http:' || from.protocol === 'https:')) {
    return undefined;
  }
  const base = /^(.*?)\/api\/v4\//.exec(to.pathname)?.[1] ?? '';
  return `${to.origin}${base}`;
}
