import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after } from 'node:test';
import { promisify } from 'node:util';
import type { FakeVariable, JobSpec } from '../support/fake-gitlab/types.ts';
import { describeScenarios, NO_GIT } from '../support/scenario.ts';
import { openVault } from '../support/vault.ts';

const vault = await openVault();
await vault.put('secret', 'ci/db', { password: 'S3cret-of-v2', user: 'builder', port: 5432 });
await vault.put('secret', 'ci/production/db', { password: 'S3cret-of-production' });
await vault.put('secret', 'other/db', { password: 'S3cret-of-others' });
await vault.put('secret', 'ci/rotated', { password: 'S3cret-of-rotation' });
await vault.put('kv1', 'ci/db', { password: 'S3cret-of-v1', large: '90071992547409931234' });

after(() => vault.close());

const ID_TOKEN: FakeVariable = { key: 'VAULT_ID_TOKEN', value: vault.idToken(), masked: true };

interface Wanted {
  readonly path?: string;
  readonly field?: string;
  readonly engine?: 'kv-v2' | 'kv-v1' | 'generic';
  readonly role?: string;
  readonly url?: string;
  readonly file?: boolean;
}

/** Returns a secret as GitLab derives it from `secrets:` and the project's VAULT_* variables. */
function vaultSecret({ engine = 'kv-v2', ...wanted }: Wanted = {}) {
  return {
    vault: {
      server: {
        url: wanted.url ?? vault.url,
        namespace: '',
        auth: {
          name: 'jwt',
          path: 'jwt',
          data: { jwt: '$VAULT_ID_TOKEN', role: wanted.role ?? 'builder' },
        },
      },
      engine: { name: engine, path: engine === 'kv-v2' ? 'secret' : 'kv1' },
      path: wanted.path ?? 'ci/db',
      field: wanted.field ?? 'password',
    },
    ...(wanted.file !== undefined && { file: wanted.file }),
  };
}

function job(
  secrets: Readonly<Record<string, unknown>>,
  script: readonly string[],
  variables: readonly FakeVariable[] = [],
): JobSpec {
  return { script, variables: [NO_GIT, ID_TOKEN, ...variables], payload: { secrets } };
}

/**
 * Returns whether a file of the node contains this text. Scripts of running containers do not
 * count.
 */
async function isOnDisk(directory: string, text: string): Promise<boolean> {
  const grep = promisify(execFile)('grep', ['-rqaF', '--exclude=script', '-e', text, directory]);
  return grep.then(
    () => true,
    () => false,
  );
}

describeScenarios(`secrets from ${vault.kind}`, {}, [
  {
    title: 'a secret is a file by default, and its content is masked in the log',
    job: job({ DATABASE_PASSWORD: vaultSecret() }, [
      'test -f "$DATABASE_PASSWORD"',
      'cat "$DATABASE_PASSWORD"; echo',
      'wc -c < "$DATABASE_PASSWORD"',
    ]),
    expected: {
      state: 'success',
      log: [
        'Resolving secrets',
        'Resolving secret "DATABASE_PASSWORD"...',
        'Using "vault" secret resolver...',
        'Preparing the "docker" executor',
        /^\[MASKED\]$/m,
        /^12$/m,
      ],
      never: ['S3cret-of-v2'],
    },
  },
  {
    title: 'a secret with file: false is a variable that is not expanded',
    job: job({ PASSWORD: vaultSecret({ file: false }) }, [
      'echo "<$PASSWORD>"',
      'echo "${#PASSWORD} characters"',
    ]),
    expected: {
      state: 'success',
      log: [/^<\[MASKED\]>$/m, '12 characters'],
      never: ['S3cret-of-v2'],
    },
  },
  {
    title: 'secrets also come from kv-v1 and generic engines, and numbers keep all their digits',
    job: job(
      {
        ONE: vaultSecret({ engine: 'kv-v1', file: false }),
        TWO: vaultSecret({ engine: 'generic', field: 'large', file: false }),
        PORT: vaultSecret({ field: 'port', file: false }),
      },
      [
        'test "$ONE" = "S3cret-of-$VERSION"',
        'test "$TWO" = "9007199254740993$REST"',
        'test "$PORT" = 5432',
      ],
      [
        { key: 'VERSION', value: 'v1' },
        { key: 'REST', value: '1234' },
      ],
    ),
    expected: { state: 'success', never: ['S3cret-of-v1', '90071992547409931234'] },
  },
  {
    title: 'variables of the job are expanded in the path of a secret',
    job: job(
      { PASSWORD: vaultSecret({ path: 'ci/$DEPLOY_TO/db', file: false }) },
      ['test "$PASSWORD" = "S3cret-of-$DEPLOY_TO"'],
      [{ key: 'DEPLOY_TO', value: 'production' }],
    ),
    expected: { state: 'success', never: ['S3cret-of-production'] },
  },
  {
    title: 'after_script sees the same secret, and a variable of the user cannot take its place',
    job: {
      ...job(
        { PASSWORD: vaultSecret({ file: false }) },
        ['true'],
        [{ key: 'PASSWORD', value: 'of-the-user' }],
      ),
      afterScript: ['test "$PASSWORD" != of-the-user && echo "same secret"'],
    },
    expected: { state: 'success', log: [/^same secret$/m] },
  },
  {
    title: 'a missing secret fails the job before anything begins',
    job: job({ PASSWORD: vaultSecret({ field: 'nothing' }) }, ['echo ran']),
    expected: {
      state: 'failed',
      failureReason: 'runner_system_failure',
      log: ['Job failed (system failure): resolving secrets: secret not found: PASSWORD'],
      never: ['Preparing the'],
    },
  },
  {
    title: 'a missing secret is empty when the job allows that',
    job: job(
      { PASSWORD: vaultSecret({ path: 'ci/nothing', file: false }) },
      ['echo "<${PASSWORD-unset}>"'],
      [{ key: 'FF_SECRET_RESOLVING_FAILS_IF_MISSING', value: 'false' }],
    ),
    expected: { state: 'success', log: [/^<>$/m] },
  },
  {
    title: 'a path that the role may not read fails the job as a configuration error',
    job: job({ PASSWORD: vaultSecret({ path: 'other/db' }) }, ['echo ran']),
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: [/resolving secrets: reading secret: api error: status code 403: .*permission denied/],
      never: ['S3cret-of-others'],
    },
  },
  {
    title: 'a role that does not exist fails the job with the server’s message',
    job: job({ PASSWORD: vaultSecret({ role: 'nobody' }) }, ['echo ran']),
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: [/authenticating Vault client: api error: status code 400: .*could not be found/],
    },
  },
  {
    title: 'a Vault that does not answer is asked as often as the job says',
    job: job(
      { PASSWORD: vaultSecret({ url: 'http://127.0.0.1:1' }) },
      ['echo ran'],
      [
        { key: 'SECRETS_RETRIEVAL_ATTEMPTS', value: '2' },
        { key: 'FF_USE_EXPONENTIAL_BACKOFF_STAGE_RETRY', value: 'false' },
      ],
    ),
    expected: {
      state: 'failed',
      failureReason: 'runner_system_failure',
      log: [
        'Resolving secrets',
        'Resolving secrets',
        /no answer from the Vault at 127\.0\.0\.1:1: .*ECONNREFUSED/,
      ],
    },
  },
  {
    title: 'an unsupported provider is named',
    job: job({ PASSWORD: { aws_secrets_manager: { secret_id: 'x' } } }, ['echo ran']),
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: ['PASSWORD: the provider aws_secrets_manager is not supported by this runner yet'],
    },
  },
  {
    title: 'a secret without a provider causes a warning and sets no variable',
    job: job({ PASSWORD: { file: false } }, ['echo "<${PASSWORD-unset}>"']),
    expected: {
      state: 'success',
      log: ['WARNING: Not resolved: no resolver that can handle the secret', /^<unset>$/m],
    },
  },
  {
    title: 'an id token is an ordinary variable that the log does not show',
    job: {
      script: ['echo "$VAULT_ID_TOKEN" | cut -d. -f2 | wc -c', 'echo "<$VAULT_ID_TOKEN>"'],
      variables: [NO_GIT, ID_TOKEN],
    },
    expected: { state: 'success', log: [/^<\[MASKED\]>$/m], never: [ID_TOKEN.value] },
  },
]);

describeScenarios('secrets of a build whose worker is killed', { isAlone: true }, [
  {
    title:
      'a secret is in clear only in the script that runs, and does not change when Vault’s value does',
    job: {
      ...job({ PASSWORD: vaultSecret({ path: 'ci/rotated' }) }, ['echo begun', 'sleep 8']),
      afterScript: ['echo "$(wc -c < "$PASSWORD") bytes, $(cat "$PASSWORD")"'],
    },
    meanwhile: async (running, installation) => {
      await running.whenLog(/^begun$/m);
      assert.equal(await isOnDisk(installation.stateDir, 'S3cret-of-rotation'), false);
      await vault.put('secret', 'ci/rotated', { password: 'changed-meanwhile' });
      await installation.runner.end('SIGKILL');
      await installation.start();
    },
    expected: {
      state: 'success',
      log: [/^18 bytes, \[MASKED\]$/m],
      never: ['S3cret-of-rotation'],
    },
  },
]);
