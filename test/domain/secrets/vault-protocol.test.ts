import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FailureType } from '../../../src/domain/failure.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import {
  planSecrets,
  secretVariable,
  type VaultRequest,
} from '../../../src/domain/secrets/plan-secrets.ts';
import {
  planLogin,
  quoteNumbers,
  secretField,
  secretPath,
} from '../../../src/domain/secrets/vault-protocol.ts';
import { assertQuick } from '../../support/assert-quick.ts';
import { contextOf } from '../job/context-fixture.ts';

function request(changes: Partial<VaultRequest> = {}): VaultRequest {
  return {
    url: 'https://vault.test',
    namespace: '',
    auth: { method: 'jwt', path: 'jwt', data: { jwt: 'token', role: 'r', other: 'x' } },
    engine: { name: 'kv-v2', path: 'secret' },
    path: 'ci/db',
    field: 'password',
    ...changes,
  };
}

const paths: readonly (readonly [engine: string, mount: string, path: string, expected: string])[] =
  [
    ['kv-v2', 'secret', 'ci/db', 'secret/data/ci/db'],
    ['kv-v2', 'a/b/', '/c//d/', 'a/b/data/c/d'],
    ['kv-v1', 'kv', 'ci/db', 'kv/ci/db'],
    ['generic', 'database', 'creds/role', 'database/creds/role'],
    ['kv-v1', 'kv', '../../sys/mounts?x#y', 'sys/mounts%3Fx%23y'],
    ['kv-v1', 'kv', 'a b/ü', 'kv/a%20b/%C3%BC'],
  ];

const answers: readonly (readonly [engine: string, data: unknown, expected: string | undefined])[] =
  [
    ['kv-v2', { data: { password: 'p' } }, 'p'],
    ['kv-v2', { data: null, metadata: {} }, undefined],
    ['kv-v2', { data: { password: null } }, undefined],
    ['kv-v2', { password: 'p' }, undefined],
    ['kv-v1', { password: 'p' }, 'p'],
    ['kv-v1', { password: '' }, ''],
    ['kv-v1', { password: false }, 'false'],
    ['kv-v1', { password: { a: ['1'] } }, '{"a":["1"]}'],
    ['generic', {}, undefined],
    ['generic', [], undefined],
    ['generic', 'text', undefined],
  ];

describe('the protocol of Vault', () => {
  for (const [name, path, secret, expected] of paths) {
    it(`${secret} in the ${name} engine at ${path} is requested at ${expected}`, () => {
      assert.equal(secretPath(request({ engine: { name, path }, path: secret })), expected);
    });
  }

  for (const [name, data, expected] of answers) {
    it(`${JSON.stringify(data)} of ${name} contains ${expected ?? 'no such field'}`, () => {
      assert.equal(secretField(data, request({ engine: { name, path: 'm' } })), expected);
    });
  }

  it('sends only role and token of a login', () => {
    assert.deepEqual(planLogin(request()), {
      path: 'auth/jwt/login',
      body: { jwt: 'token', role: 'r' },
    });
  });

  it('refuses methods and engines that it does not know, and a login without a token', () => {
    const { auth } = request();
    const wrong = { type: FailureType.RunnerConfiguration };
    assert.throws(() => planLogin(request({ auth: { ...auth, method: 'userpass' } })), wrong);
    assert.throws(() => planLogin(request({ auth: { ...auth, data: { role: 'r' } } })), wrong);
    assert.throws(() => secretPath(request({ engine: { name: 'ssh', path: 'ssh' } })), wrong);
  });

  it('keeps every digit of a number, and does not change numbers in text', () => {
    const json = '{"a":12345678901234567890,"b":-1.50e3,"c":"1","d":"\\"2","e":[3,true,null]}';
    assert.deepEqual(JSON.parse(quoteNumbers(json)), {
      ...{ a: '12345678901234567890', b: '-1.50e3', c: '1', d: '"2', e: ['3', true, null] },
    });
  });

  const endless = [`"${'a'.repeat(26)}`, `"${'\\"'.repeat(10_000)}\\`];
  for (const json of endless) {
    it(`is read quickly when a text does not end: ${JSON.stringify(json.slice(0, 10))}`, () => {
      assert.equal(
        assertQuick(() => quoteNumbers(json)),
        json,
      );
    });
  }
});

describe('the secrets of a job', () => {
  const vault = {
    server: {
      url: '$VAULT_SERVER_URL',
      namespace: 'ns-$TEAM',
      auth: { name: 'jwt', path: 'jwt', data: { jwt: '${ID_TOKEN}', role: '$TEAM' } },
    },
    engine: { name: 'kv-v2', path: 'mount-$TEAM' },
    path: 'ci/$TEAM',
    field: '$TEAM-password',
  };
  const context = contextOf({
    job: {
      variables: [
        { key: 'VAULT_SERVER_URL', value: 'https://vault.test' },
        { key: 'ID_TOKEN', value: 'a.b.c', masked: true },
        { key: 'TEAM', value: 'red' },
      ],
      secrets: { FIRST: { vault, file: false }, SECOND: { gcp_secret_manager: {} }, THIRD: {} },
    },
  });
  const planned = planSecrets(context.job, buildVariables(context, { jobStatus: 'running' }));

  it('are requested with the job’s variables expanded', () => {
    assert.deepEqual(planned[0], {
      key: 'FIRST',
      isFile: false,
      source: {
        kind: 'vault',
        request: {
          url: 'https://vault.test',
          namespace: 'ns-red',
          auth: { method: 'jwt', path: 'jwt', data: { jwt: 'a.b.c', role: 'red' } },
          engine: { name: 'kv-v2', path: 'mount-red' },
          path: 'ci/red',
          field: 'red-password',
        },
      },
    });
  });

  it('are files unless they set otherwise, and name the provider that they want', () => {
    assert.deepEqual(planned.slice(1), [
      {
        key: 'SECOND',
        isFile: true,
        source: { kind: 'unsupported', provider: 'gcp_secret_manager' },
      },
      { key: 'THIRD', isFile: true, source: { kind: 'none' } },
    ]);
  });

  it('become variables that are masked, not expanded, only for the job, and before its own', () => {
    const secret = secretVariable({ key: 'TEAM', isFile: false, source: { kind: 'none' } }, '$X');
    const variables = buildVariables(
      {
        ...context,
        secretVariables: [secret, { ...secret, key: 'FF_TIMESTAMPS', value: 'false' }],
      },
      { jobStatus: 'running' },
    );
    assert.equal(variables.get('TEAM'), '$X');
    assert.ok(variables.maskPhrases().includes('$X'));
    assert.equal(variables.publicEnvironment().includes('TEAM=$X'), false);
    assert.equal(variables.get('FF_TIMESTAMPS'), 'true', 'a flag is no secret');
  });
});
