import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { CredentialPrograms } from '../../../src/ports/index.ts';
import { createCredentialPrograms } from '../../../src/adapters/docker/credential-programs.ts';
import { recordingLog } from '../../support/recording-log.ts';

interface Opened {
  readonly programs: CredentialPrograms;
  readonly logged: () => string;
}

/** A program `docker-credential-test` that runs a script of sh; `$1` is the action. */
async function open(t: TestContext, script: string, limitMs = 30_000): Promise<Opened> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-test-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'docker-credential-test');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  const env = { PATH: `${directory}:${process.env.PATH ?? ''}` };
  const { log, said } = recordingLog();
  const programs = createCredentialPrograms({ env, log, limitMs });
  return { programs, logged: () => JSON.stringify(said) };
}

void test('gets the server by stdin, and answers by stdout', async (t) => {
  const { programs } = await open(
    t,
    'read -r server; echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"$1 $server\\",\\"Secret\\":\\"s\\"}"',
  );
  assert.deepEqual(await programs.get('test', 'reg.example.com'), {
    server: 'reg.example.com',
    username: 'get reg.example.com',
    password: 's',
  });
});

void test('marks an identity token with a special user name', async (t) => {
  const { programs } = await open(t, 'echo \'{"Username":"<token>","Secret":"t"}\'');
  const auth = await programs.get('test', 'r');
  assert.deepEqual(auth, { server: 'r', username: '', password: '', identityToken: 't' });
});

void test('has no credentials for a server that it does not know', async (t) => {
  const { programs } = await open(t, 'echo credentials not found in native keychain; exit 1');
  assert.equal(await programs.get('test', 'r'), undefined);
});

void test('lists its servers', async (t) => {
  const { programs } = await open(t, 'test "$1" = list && echo \'{"a":"u","https://b/v1/":"v"}\'');
  assert.deepEqual(await programs.list('test'), ['a', 'https://b/v1/']);
});

void test('fails with its exit code; its output is only in the log of the node', async (t) => {
  const { programs, logged } = await open(t, 'echo no session with the cloud; exit 3');
  const message = 'docker-credential-test failed with exit code 3';
  await assert.rejects(programs.get('test', 'r'), { message });
  await assert.rejects(programs.list('test'), { message });
  assert.match(logged(), /no session with the cloud/);
});

void test('shows nowhere what may be a secret', async (t) => {
  // A truncated answer that is reported as a success (get) and as a failure (list).
  const script = 'echo \'{"Username":"u","Secret":"s3cret"\'; test "$1" = get';
  const { programs, logged } = await open(t, script);
  for (const ask of [() => programs.get('test', 'r'), () => programs.list('test')]) {
    await assert.rejects(ask, (error: Error) => {
      assert.doesNotMatch(`${error.stack} ${String(error.cause)}`, /s3cret/);
      return true;
    });
  }
  assert.doesNotMatch(logged(), /s3cret/);
});

void test('is killed when it takes too long', async (t) => {
  const { programs } = await open(t, 'exec sleep 100', 200);
  const message = 'docker-credential-test did not answer within 0.2 s';
  await assert.rejects(programs.get('test', 'r'), { message });
});

void test('is killed when it never stops writing', async (t) => {
  const { programs } = await open(t, 'exec cat /dev/zero');
  await assert.rejects(programs.get('test', 'r'), { message: /was killed/ });
});

void test('is named in the error when it does not exist', async (t) => {
  const { programs } = await open(t, '');
  const message = 'docker-credential-absent is not on the PATH of the runner';
  await assert.rejects(programs.get('absent', 'r'), { message });
});

void test('may end without reading its stdin', async (t) => {
  const { programs } = await open(t, 'exec <&-; echo \'{"Username":"u","Secret":"s"}\'');
  assert.equal((await programs.get('test', 'r'.repeat(200_000)))?.username, 'u');
});
