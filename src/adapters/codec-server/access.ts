import type { IncomingHttpHeaders } from 'node:http';
import { isSameText } from '../http-server/same-text.ts';

/** Who may ask a codec server. */
export interface Access {
  /** Known by whoever may decode. */
  readonly token: string;
  /** The `Host`s by which the server is reached, without a port. Another one is a rebound name. */
  readonly hosts: readonly string[];
  /** Where the UI is opened, as browsers say it: `https://temporal.example.com`. */
  origins(): readonly string[];
  /** undefined: nobody is let in yet. */
  namespace(): string | undefined;
}

/** A request, as far as its sender is asked. */
export interface Visitor {
  readonly headers: IncomingHttpHeaders;
  /** Sent as the first part of the path, because Temporal's UI has no other place for it. */
  readonly pathToken: string | undefined;
}

/** Whether the request names this server, and not a name that somebody has made lead to it. */
export function isForUs({ host }: IncomingHttpHeaders, { hosts }: Access): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false;
  const { hostname, pathname, username } = new URL(`http://${host}`);
  return pathname === '/' && username === '' && hosts.includes(hostname);
}

/** Whether a page may ask. A request of no page has no origin. */
export function isFromUi({ origin }: IncomingHttpHeaders, { origins }: Access): boolean {
  return origin === undefined || origins().includes(origin);
}

/** Whether the request has the token, in its path or as `Authorization: Bearer`. */
export function knowsToken({ headers, pathToken }: Visitor, { token }: Access): boolean {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  return [pathToken, bearer].some((given) => given !== undefined && isSameText(given, token));
}
