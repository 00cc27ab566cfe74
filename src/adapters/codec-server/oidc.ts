import type { JWTVerifyGetKey } from 'jose';
import { request, type Dispatcher } from 'undici';
import { isObject } from '../../domain/is-object.ts';
import { readCapped } from '../http/body.ts';
import { isThisMachine } from '../http/proxy.ts';

/** Whose login counts, and for whom its tokens must have been made. */
export interface OidcSettings {
  /** As the tokens name it in `iss`. */
  readonly issuer: string;
  /** A token has to name one of them in `aud`. */
  readonly audiences: readonly string[];
  /** A claim that a token must have besides, such as a group; undefined: everybody who may log in. */
  readonly claim: { readonly name: string; readonly value: string } | undefined;
}

export interface OidcOptions extends OidcSettings {
  /** A connection to the issuer, by the site's proxies and certificates. */
  openDispatcher(): Promise<Dispatcher>;
  /** How long an unknown key or an absent issuer is not asked for again. */
  readonly cooldownMs?: number;
}

/** What is known of a token: who has it, or why it does not count. */
export type TokenVerdict =
  | { readonly kind: 'good'; readonly subject: string }
  | { readonly kind: 'bad'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string };

/** Of public keys only: with a shared secret, whoever can verify a token can also make one. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
const CLOCK_TOLERANCE_SECONDS = 30;
const COOLDOWN_MS = 30_000;
const CALL_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * Verifies tokens of an OpenID provider: its signature by the provider's keys, issuer, audience, expiry
 * and the claim. Asks the provider at the first token, and again for a key that it does not know.
 * Source: OpenID Connect Discovery 1.0, RFC 7519, RFC 8725.
 */
export function createTokenCheck(options: OidcOptions): (token: string) => Promise<TokenVerdict> {
  const keys = createKeys(options);
  return async (token) => {
    const { errors, jwtVerify } = await import('jose');
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: options.issuer,
        audience: [...options.audiences],
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'sub'],
      });
      return judge(payload, options);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const isAbsent = error instanceof IssuerFault || error instanceof errors.JWKSTimeout;
      return { kind: isAbsent ? 'unknown' : 'bad', why };
    }
  };
}

function judge(
  payload: Readonly<Record<string, unknown>>,
  { claim }: Pick<OidcSettings, 'claim'>,
): TokenVerdict {
  const { sub } = payload;
  if (typeof sub !== 'string' || sub === '') return { kind: 'bad', why: 'it has no subject' };
  if (claim === undefined) return { kind: 'good', subject: sub };
  const said = Object.hasOwn(payload, claim.name) ? payload[claim.name] : undefined;
  const values: readonly unknown[] = Array.isArray(said) ? said : [said];
  if (values.includes(claim.value)) return { kind: 'good', subject: sub };
  return { kind: 'bad', why: `its claim ${claim.name} does not have the value ${claim.value}` };
}

/** Anything that is wrong with the issuer's answers, and not with a token. */
class IssuerFault extends Error {}

/** The keys of the issuer, found by its discovery document when the first token comes. */
function createKeys(options: OidcOptions): JWTVerifyGetKey {
  const { cooldownMs = COOLDOWN_MS } = options;
  let finding: Promise<JWTVerifyGetKey> | undefined;
  let fault: { readonly error: unknown; readonly untilMs: number } | undefined;
  const rest = (error: unknown): never => {
    // The known one is only said again: who asks meanwhile must not make the pause longer.
    if (fault?.error !== error) fault = { error, untilMs: performance.now() + cooldownMs };
    throw error;
  };
  /** An absent issuer is not asked once for each token that somebody sends. */
  const get = async (url: URL): Promise<unknown> => {
    if (fault !== undefined && performance.now() < fault.untilMs) throw fault.error;
    return getJson(url, options).catch(rest);
  };
  return async (header, token) => {
    finding ??= findKeys(options, { get, cooldownMs }).catch((error: unknown) => {
      finding = undefined;
      return rest(error);
    });
    return (await finding)(header, token);
  };
}

interface Finding {
  get(url: URL): Promise<unknown>;
  readonly cooldownMs: number;
}

async function findKeys(
  { issuer }: OidcSettings,
  { get, cooldownMs }: Finding,
): Promise<JWTVerifyGetKey> {
  const { createRemoteJWKSet, customFetch } = await import('jose');
  const found = await get(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`));
  if (!isObject(found) || found['issuer'] !== issuer) {
    throw new IssuerFault(`its configuration does not name ${issuer} as the issuer`);
  }
  return createRemoteJWKSet(secureUrl(found['jwks_uri']), {
    cooldownDuration: cooldownMs,
    [customFetch]: async (url: string) => Response.json(await get(new URL(url))),
  });
}

/** Whether nobody on the way can change what is read there. */
export function isSecure(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isThisMachine(url));
}

function secureUrl(said: unknown): URL {
  if (typeof said === 'string' && URL.canParse(said) && isSecure(new URL(said)))
    return new URL(said);
  throw new IssuerFault('its configuration names no jwks_uri with https');
}

async function getJson(url: URL, { openDispatcher }: OidcOptions): Promise<unknown> {
  const dispatcher = await openDispatcher();
  try {
    const reply = await request(url, {
      dispatcher,
      headers: { Accept: 'application/json' },
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    const { bytes, fault } = await readCapped(reply.body, { limitBytes: MAX_ANSWER_BYTES });
    if (reply.statusCode !== 200) throw new Error(`status ${reply.statusCode}`);
    if (fault !== undefined) throw fault;
    return JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new IssuerFault(`${url.href} did not answer as it should (${why})`, { cause: error });
  } finally {
    await dispatcher.destroy();
  }
}
