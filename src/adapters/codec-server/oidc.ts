import type { JWTVerifyGetKey } from 'jose';
import { request, type Dispatcher } from 'undici';
import { errorMessage } from '../../domain/error-message.ts';
import { isObject } from '../../domain/is-object.ts';
import { readCapped } from '../http/body.ts';
import { isThisMachine } from '../http/proxy.ts';

/** The login whose tokens are accepted, and the audience that they must be made for. */
export interface OidcSettings {
  /** The issuer's name in the claim `iss`. */
  readonly issuer: string;
  /** A token has to name one of these in the claim `aud`. */
  readonly audiences: readonly string[];
  /**
   * A claim that a token must also have, such as a group; undefined when everybody who can log in
   * is let in.
   */
  readonly claim: { readonly name: string; readonly value: string } | undefined;
}

export interface OidcOptions extends OidcSettings {
  /** Opens connections to the issuer, with the site's proxies and certificates. */
  openDispatcher(): Promise<Dispatcher>;
  /**
   * For this time the provider is not asked again about an unknown key, or while it does not
   * answer.
   */
  readonly cooldownMs?: number;
}

/** The result for a token: who has it, or why it is not accepted. */
export type TokenVerdict =
  | { readonly kind: 'good'; readonly subject: string }
  | { readonly kind: 'bad'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string };

/**
 * Only algorithms with a public key: with a shared secret, everybody who can verify a token can
 * also make one.
 */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
const CLOCK_TOLERANCE_SECONDS = 30;
const COOLDOWN_MS = 30_000;
const CALL_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * Creates the check of tokens of an OpenID provider: signature, issuer, audience, expiry and the
 * claim. It asks the provider for its keys at the first token, and again for a key that it does not
 * know. Source: OpenID Connect Discovery 1.0, RFC 7519, RFC 8725.
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
      const why = errorMessage(error);
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

/** Something is wrong with the issuer's answers, and not with a token. */
class IssuerFault extends Error {}

/**
 * Creates the source of the issuer's keys, which it finds by the discovery document when the first
 * token comes.
 */
function createKeys(options: OidcOptions): JWTVerifyGetKey {
  const { cooldownMs = COOLDOWN_MS } = options;
  let finding: Promise<JWTVerifyGetKey> | undefined;
  let fault: { readonly error: unknown; readonly untilMs: number } | undefined;
  const rest = (error: unknown): never => {
    // A known fault is only repeated: requests that come meanwhile must not make the pause longer.
    if (fault?.error !== error) fault = { error, untilMs: performance.now() + cooldownMs };
    throw error;
  };
  /**
   * Fetches a document. While the issuer does not answer, it is not asked for each token that
   * somebody sends.
   */
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

/** Whether nobody on the way can change what is read from this address. */
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
    const why = errorMessage(error);
    throw new IssuerFault(`${url.href} gave an invalid answer (${why})`, { cause: error });
  } finally {
    await dispatcher.destroy();
  }
}
