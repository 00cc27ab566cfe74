import { withoutTrailing } from '../without-trailing.ts';

const HOST_AND_PATH = /^https?:\/\/(?:\[[^\]/?#\s]*\]|[^:@[/?#\s]+)(?::\d*)?(?:\/[^?#\s]*)?$/i;

/**
 * Returns the base of GitLab's API for the `url` of a `[[runners]]` entry, with a final `/`.
 * Trailing slashes are removed, then one `/ci`. undefined when {@link urlFault} finds a fault.
 * Source: gitlab-runner `network/client.go` (fixCIURL, newClient).
 */
export function apiBaseUrl(url: string): string | undefined {
  const trimmed = withoutTrailing(url.trim(), '/').replace(/\/ci$/, '');
  if (!HOST_AND_PATH.test(trimmed)) return undefined;
  return `${withoutTrailing(trimmed, '/')}/api/v4/`;
}

/**
 * Why the `url` of a `[[runners]]` entry cannot be used, as the rest of a sentence; undefined when
 * it can. gitlab-runner sends a user and password to GitLab. Here they are refused, because the
 * `url` is shown in logs and in Temporal.
 */
export function urlFault(url: string): string | undefined {
  if (apiBaseUrl(url) !== undefined) return undefined;
  return url.includes('@')
    ? 'has a user or password in it, which this runner does not send: take them out'
    : `is "${url}", which is not an http(s) address`;
}

/** Removes everything between the scheme and the last `@` before the path, and the query. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([^/]*:\/\/)?[^/?#]*@/, '$1').replace(/[?#].*$/s, '');
}

/** Returns the host of an http(s) URL with its upper and lower case, without the port. */
export function hostAsWritten(url: string): string {
  return /^\s*https?:\/\/(\[[^\]]*\]|[^/:?#\s]*)/i.exec(url)?.[1] ?? '';
}

/** Whether a redirect is followed, and why not. */
export type RedirectVerdict =
  | { readonly kind: 'follow'; readonly url: string }
  | { readonly kind: 'refuse'; readonly reason: string };

/** A redirect: its status, the address that sent it and its target. */
export interface Redirect {
  readonly status: number;
  readonly from: { readonly protocol: string; readonly hostname: string };
  /** The resolved `Location`; undefined when it is missing or malformed. */
  readonly to:
    | { readonly protocol: string; readonly hostname: string; readonly href: string }
    | undefined;
}

/**
 * Whether to follow a redirect of any call except the upload of an artifact, for which
 * {@link uploadAddress} decides. Only 307 and 308 keep method and body. The call carries a token,
 * which must not reach another host or travel unencrypted. This rule is our own: gitlab-runner
 * forwards the token.
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

/**
 * Whether a redirect of a download only leads to where GitLab really is, so that the job's token
 * may go along: to the same path on the same host, and not from https to an unencrypted address. An
 * object store on GitLab's host has other paths.
 */
export function isMovedCall(from: CallAddress, to: CallAddress): boolean {
  if (to.hostname !== from.hostname || to.pathname !== from.pathname) return false;
  return from.protocol !== 'https:' || to.protocol === 'https:';
}

type CallAddress = Pick<Address, 'protocol' | 'pathname'> & { readonly hostname: string };

interface Address {
  readonly protocol: string;
  readonly origin: string;
  readonly pathname: string;
}

/**
 * The address of an upload that GitLab redirects by 307 or 308; the job's token is sent to it. On
 * GitLab's own host it is the exact address, with the query added when it has none. On another host
 * it is the upload's path in that server's API, so the token reaches nothing but an API. undefined
 * when the redirect leads from https to http. `path` is the upload's path below an API.
 */
export function uploadAddress(
  to: Address & { readonly hostname: string; readonly search: string; readonly href: string },
  { from, path }: { readonly from: Address & { readonly hostname: string }; readonly path: string },
): string | undefined {
  const server = uploadServerUrl(to, from);
  if (server === undefined) return undefined;
  if (to.hostname !== from.hostname) return `${server}/api/v4/${path}`;
  // GitLab learns only from the query what is uploaded.
  return to.search === '' ? `${to.href}${/\?.*$/.exec(path)?.[0] ?? ''}` : to.href;
}

/**
 * The server that GitLab redirects an upload to, as the `url` of a runner: origin, and the path at
 * which GitLab is mounted. undefined when the redirect leads from https to http, or to another
 * scheme. Other hosts are allowed, since a secondary site of Geo sends uploads to its primary.
 * gitlab-runner drops the path and allows http. Source: gitlab-runner
 * `commands/helpers/artifacts_uploader.go` (handleRedirect).
 */
export function uploadServerUrl(to: Address, from: Pick<Address, 'protocol'>): string | undefined {
  if (to.protocol !== 'https:' && (to.protocol !== 'http:' || from.protocol === 'https:')) {
    return undefined;
  }
  const base = /^(.*?)\/api\/v4\//.exec(to.pathname)?.[1] ?? '';
  return `${to.origin}${base}`;
}
