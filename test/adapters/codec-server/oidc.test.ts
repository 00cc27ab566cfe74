import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Agent } from 'undici';
import {
  createTokenCheck,
  type OidcOptions,
  type TokenVerdict,
} from '../../../src/adapters/codec-server/oidc.ts';
import { CLIENT_ID, makeKey, openFakeOidc, type TokenChange } from '../../support/fake-oidc.ts';

type Provider = Awaited<ReturnType<typeof openFakeOidc>>;

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token of the login of the Temporal UI', () => {
  let provider: Provider;
  before(async () => {
    provider = await openFakeOidc();
  });
  after(() => provider.close());

  const checkWith = (options: Partial<OidcOptions> = {}) =>
    createTokenCheck({
      ...{ issuer: provider.issuer, audiences: ['other', CLIENT_ID], claim: undefined },
      openDispatcher: () => Promise.resolve(new Agent()),
      ...options,
    });
  const claimsNow = () => ({
    ...{ iss: provider.issuer, aud: CLIENT_ID, sub: 'alice' },
    exp: Math.floor(Date.now() / 1_000) + 60,
  });
  /** Signs with the public key as if it were a shared secret, which everybody can do. */
  const signByPublicKey = (alg: string): string => {
    const signed = `${part({ alg, kid: 'first', typ: 'JWT' })}.${part(claimsNow())}`;
    const mac = createHmac('sha256', provider.key().publicPem).update(signed).digest('base64url');
    return `${signed}.${mac}`;
  };

  it('names its person when the provider has signed it for this UI', async () => {
    const verdict = await checkWith()(await provider.sign());
    assert.deepEqual(verdict, { kind: 'good', subject: 'alice' });
  });

  it('must have the configured claim, as one value or in a list', async () => {
    const check = checkWith({ claim: { name: 'groups', value: 'ops' } });
    for (const groups of ['ops', ['dev', 'ops']]) {
      assert.equal((await check(await provider.sign({ claims: { groups } }))).kind, 'good');
    }
    for (const claims of [{}, { groups: 'opsx' }, { groups: ['dev'] }, { groups: { ops: 1 } }]) {
      assertBad(await check(await provider.sign({ claims })), /claim groups/);
    }
  });

  const changes: [why: string, change: TokenChange, reason: RegExp][] = [
    ['for another audience', { audience: 'another-app' }, /aud/],
    ['of another issuer', { issuer: 'https://evil.example.com' }, /iss/],
    ['that has expired', { lifeSeconds: -60 }, /exp/],
    ['that is not valid yet', { claims: { nbf: 4_102_444_800 } }, /nbf/],
    ['without a subject', { claims: { sub: '' } }, /subject/],
    ['whose subject is no text', { claims: { sub: 7 } }, /sub/],
  ];
  for (const [why, change, reason] of changes) {
    it(`is refused: ${why}`, async () => {
      assertBad(await checkWith()(await provider.sign(change)), reason);
    });
  }

  const forged: [why: string, make: () => string | Promise<string>][] = [
    ['without a signature (alg none)', () => `${part({ alg: 'none' })}.${part(claimsNow())}.`],
    ['signed by HS256 with the public key', () => signByPublicKey('HS256')],
    ['signed by HS256 that says RS256', () => signByPublicKey('RS256')],
    ['by a key of the same name', async () => provider.sign({ key: await makeKey('first') })],
    ['by a key that nobody knows', async () => provider.sign({ key: await makeKey('unknown') })],
    [
      'with other claims under the signature',
      async () => {
        const [head, , signature] = (await provider.sign()).split('.');
        return `${head}.${part({ ...claimsNow(), sub: 'mallory' })}.${signature}`;
      },
    ],
    [
      'that brings its key along',
      async () => {
        const key = await makeKey('mine');
        const { SignJWT } = await import('jose');
        return new SignJWT(claimsNow())
          .setProtectedHeader({ alg: 'RS256', jwk: key.jwk })
          .sign(key.privateKey);
      },
    ],
    ['that is none', () => 'a.b.c'],
  ];
  for (const [why, make] of forged) {
    it(`is refused: ${why}`, async () => {
      assertBad(await checkWith()(await make()), /./);
    });
  }

  it('is accepted with a new key as soon as the provider has it, and no longer with the old key', async () => {
    const check = checkWith({ cooldownMs: 0 });
    const old = await provider.sign();
    assert.equal((await check(old)).kind, 'good');
    await provider.rotate('second');
    assert.equal((await check(await provider.sign())).kind, 'good');
    assertBad(await check(old), /key/);
  });

  it('with an unknown key does not make the node ask the provider again and again', async () => {
    const check = checkWith();
    await check(await provider.sign());
    const before = provider.asked.length;
    const key = await makeKey('unknown');
    for (let time = 0; time < 5; time += 1)
      assertBad(await check(await provider.sign({ key })), /key/);
    assert.equal(provider.asked.length, before);
  });

  describe('while the provider does not work', () => {
    beforeEach(() => {
      provider.setAway(false);
      provider.name({});
    });

    it('is unknown after one request, and is accepted when the provider is back', async () => {
      provider.setAway(true);
      const token = await provider.sign();
      const [patient, eager] = [checkWith(), checkWith({ cooldownMs: 0 })];
      const before = provider.asked.length;
      for (let time = 0; time < 5; time += 1) assert.equal((await patient(token)).kind, 'unknown');
      assert.equal(provider.asked.length, before + 1);
      assert.equal((await eager(token)).kind, 'unknown');
      provider.setAway(false);
      assert.equal((await eager(token)).kind, 'good');
    });

    it('is verified again when the pause is over, however many tokens came meanwhile', async (t) => {
      const real = performance.now.bind(performance);
      let aheadMs = 0;
      t.mock.method(performance, 'now', () => real() + aheadMs);
      provider.setAway(true);
      const token = await provider.sign();
      const check = checkWith({ cooldownMs: 30_000 });
      assert.equal((await check(token)).kind, 'unknown');
      provider.setAway(false);
      aheadMs = 20_000;
      assert.equal((await check(token)).kind, 'unknown');
      aheadMs = 31_000;
      assert.equal((await check(token)).kind, 'good');
    });

    it('is accepted by the known keys, whatever unknown keys other tokens name', async () => {
      const check = checkWith({ cooldownMs: 0 });
      const token = await provider.sign();
      await check(token);
      provider.setAway(true);
      const key = await makeKey('unknown');
      assert.equal((await check(await provider.sign({ key }))).kind, 'unknown');
      assert.equal((await check(token)).kind, 'good');
    });

    const odd: [why: string, named: Parameters<Provider['name']>[0]][] = [
      ['names another issuer', { issuer: 'https://other.example.com' }],
      ['has its keys where anybody can change them', { jwks_uri: 'http://keys.example.com/' }],
      ['has no keys', { jwks_uri: 7 }],
    ];
    for (const [why, named] of odd) {
      it(`is unknown after one request when the provider ${why}`, async () => {
        provider.name(named);
        const check = checkWith();
        const before = provider.asked.length;
        for (let time = 0; time < 3; time += 1) {
          assert.equal((await check(await provider.sign())).kind, 'unknown');
        }
        assert.equal(provider.asked.length, before + 1);
      });
    }
  });
});

function assertBad(verdict: TokenVerdict, why: RegExp): void {
  assert.equal(verdict.kind, 'bad', JSON.stringify(verdict));
  assert.match('why' in verdict ? verdict.why : '', why);
}
