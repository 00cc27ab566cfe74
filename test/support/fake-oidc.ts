import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

/** A key of an OpenID provider. */
export interface ProviderKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
  readonly publicPem: string;
}

/** The changes that a test makes to a valid token. */
export interface TokenChange {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly issuer?: string;
  readonly audience?: string;
  /** The lifetime from now on. A token with a negative lifetime has expired. */
  readonly lifeSeconds?: number;
  readonly key?: ProviderKey;
}

export const CLIENT_ID = 'temporal-ui';

/**
 * Serves the discovery document and the keys of an OpenID provider, as far as tokens are verified
 * with them.
 */
export async function openFakeOidc() {
  const asked: string[] = [];
  let keys = [await makeKey('first')];
  let isAway = false;
  let named: { readonly issuer?: string; readonly jwks_uri?: unknown } = {};
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (isAway) return response.writeHead(503).end();
    const config = { issuer: url(), jwks_uri: `${url()}/keys`, ...named };
    const answers: Readonly<Record<string, unknown>> = {
      '/.well-known/openid-configuration': config,
      '/keys': { keys: keys.map(({ jwk }) => jwk) },
    };
    response.setHeader('Content-Type', 'application/json');
    return response.end(JSON.stringify(answers[request.url ?? ''] ?? null));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer: url(),
    /** The requested paths in their order. */
    asked: asked as readonly string[],
    key: (): ProviderKey => keys[0]!,
    /** Makes the provider sign with another key from now on. It no longer lists the old keys. */
    rotate: async (kid: string) => {
      keys = [await makeKey(kid)];
    },
    setAway: (away: boolean) => {
      isAway = away;
    },
    /** Changes the content of the discovery document. */
    name: (other: typeof named) => {
      named = other;
    },
    sign: (change: TokenChange = {}): Promise<string> => {
      const { key = keys[0]!, audience = CLIENT_ID, issuer = url(), lifeSeconds = 60 } = change;
      return new SignJWT({ sub: 'alice', ...change.claims })
        .setProtectedHeader({ alg: 'RS256', kid: key.kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime(Math.floor(Date.now() / 1_000) + lifeSeconds)
        .sign(key.privateKey);
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export async function makeKey(kid: string): Promise<ProviderKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };
  return { kid, privateKey, jwk, publicPem: await exportSPKI(publicKey) };
}
