import type { IncomingHttpHeaders } from 'node:http';
import { isSameText } from '../http-server/same-text.ts';
import type { TokenVerdict } from './oidc.ts';

/** Who may ask a codec server. */
export interface Access {
  /** Known by whoever may decode; undefined: only tokens of a login count. */
  readonly token: string | undefined;
  /** Verifies a token of the UI's own login; undefined: none of these counts. */
  readonly verify?: ((token: string) => Promise<TokenVerdict>) | undefined;
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

/** The subject of whoever has the codec server's own token, in the log. */
const TOKEN_HOLDER = 'token';

/**
 * Who asks: whoever has the token, in its path or as `Authorization: Bearer`, or the person of a login.
 * The UI sends a login's access token as the former and its ID token as `Authorization-Extras`; which of
 * them names the audience depends on the provider.
 */
export async function identify(
  { headers, pathToken }: Visitor,
  { token, verify }: Access,
): Promise<TokenVerdict> {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const given = [pathToken, bearer].filter((one) => one !== undefined);
  if (token !== undefined && given.some((one) => isSameText(one, token))) {
    return { kind: 'good', subject: TOKEN_HOLDER };
  }
  const extra = headers['authorization-extras'];
  const ofLogin = [bearer, extra].filter((one) => typeof one === 'string' && looksSigned(one));
  if (verify === undefined || ofLogin.length === 0) return { kind: 'bad', why: 'no token' };
  const refusals: TokenVerdict[] = [];
  for (const one of ofLogin) {
    const verdict = await verify(String(one));
    if (verdict.kind === 'good') return verdict;
    refusals.push(verdict);
  }
  return pickRefusal(refusals);
}

/** Three parts, as every signed token has. */
function looksSigned(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}

function pickRefusal(verdicts: readonly TokenVerdict[]): TokenVerdict {
  const unknown = verdicts.find(({ kind }) => kind === 'unknown');
  const why = verdicts.map((verdict) => ('why' in verdict ? verdict.why : '')).join('; ');
  return unknown ?? { kind: 'bad', why };
}
