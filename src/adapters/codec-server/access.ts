import type { IncomingHttpHeaders } from 'node:http';
import { isSameText } from '../http-server/same-text.ts';
import type { TokenVerdict } from './oidc.ts';

/** The rules for who may ask a codec server. */
export interface Access {
  /** The token that lets its holder decode; undefined when only tokens of a login are accepted. */
  readonly token: string | undefined;
  /** Verifies a token of the UI's own login; undefined when no such token is accepted. */
  readonly verify?: ((token: string) => Promise<TokenVerdict>) | undefined;
  /**
   * The values of `Host` that name this server, without a port. Any other value comes from DNS
   * rebinding.
   */
  readonly hosts: readonly string[];
  /** The origins of the UI, as browsers send them: `https://temporal.example.com`. */
  origins(): readonly string[];
  /** The namespace; undefined while nobody is let in yet. */
  namespace(): string | undefined;
}

/** The facts about a request that tell who sent it. */
export interface Visitor {
  readonly headers: IncomingHttpHeaders;
  /**
   * A token that is the first part of the path, because Temporal's UI has no other place for it.
   */
  readonly pathToken: string | undefined;
}

/**
 * Whether the request names this server. A name that somebody has pointed at this server is
 * refused.
 */
export function isForUs({ host }: IncomingHttpHeaders, { hosts }: Access): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false;
  const { hostname, pathname, username } = new URL(`http://${host}`);
  return pathname === '/' && username === '' && hosts.includes(hostname);
}

/**
 * Whether the page that sends the request may do so. A request that no page sends has no origin.
 */
export function isFromUi({ origin }: IncomingHttpHeaders, { origins }: Access): boolean {
  return origin === undefined || origins().includes(origin);
}

/** How the log names a visitor with the codec server's own token. */
const TOKEN_HOLDER = 'token';

/**
 * Identifies the visitor: the holder of the token, in the path or as `Authorization: Bearer`, or
 * the person of a login. The UI sends a login's access token as `Authorization: Bearer` and its ID
 * token as `Authorization-Extras`. The provider decides which of them names the audience.
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

/** Whether the token has three parts, as every signed token has. */
function looksSigned(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}

function pickRefusal(verdicts: readonly TokenVerdict[]): TokenVerdict {
  const unknown = verdicts.find(({ kind }) => kind === 'unknown');
  const why = verdicts.map((verdict) => ('why' in verdict ? verdict.why : '')).join('; ');
  return unknown ?? { kind: 'bad', why };
}
