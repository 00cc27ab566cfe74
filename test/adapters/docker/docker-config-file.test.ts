import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readDockerConfigFiles } from '../../../src/adapters/docker/docker-config-file.ts';
import type { AuthSource } from '../../../src/domain/executor/registry-auth.ts';

const content = (server: string): string =>
  JSON.stringify({ auths: { [server]: { username: 'u', password: 'p' } } });

async function home(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-test-'));
  t.after(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, '.docker'));
  return directory;
}

const serversOf = (sources: readonly AuthSource[]): readonly (string | undefined)[] =>
  sources.map(({ entries }) => entries[0]?.server);

void test('without a file there are no credentials and no problem', async (t) => {
  const sources = await readDockerConfigFiles({ HOME: await home(t) });
  assert.deepEqual(
    sources.map(({ entries, problem }) => ({ entries, problem })),
    [{ entries: [], problem: undefined }],
  );
});

void test('config.json is preferred to .dockercfg, and both are found', async (t) => {
  const HOME = await home(t);
  await writeFile(join(HOME, '.dockercfg'), content('old.example'));
  assert.deepEqual(serversOf(await readDockerConfigFiles({ HOME })), ['old.example']);
  const path = join(HOME, '.docker', 'config.json');
  await writeFile(path, content('new.example'));
  const found = await readDockerConfigFiles({ HOME });
  assert.deepEqual(serversOf(found), ['new.example']);
  assert.equal(found[0]?.name, path);
});

void test('DOCKER_CONFIG names a directory whose file comes before the usual one', async (t) => {
  const [HOME, DOCKER_CONFIG] = [await home(t), await home(t)];
  await writeFile(join(DOCKER_CONFIG, 'config.json'), content('other.example'));
  await writeFile(join(HOME, '.docker', 'config.json'), content('usual.example'));
  const found = await readDockerConfigFiles({ HOME, DOCKER_CONFIG });
  assert.deepEqual(serversOf(found), ['other.example', 'usual.example']);
});

void test('a DOCKER_CONFIG that names the usual directory is read once', async (t) => {
  const HOME = await home(t);
  await writeFile(join(HOME, '.docker', 'config.json'), content('usual.example'));
  const found = await readDockerConfigFiles({ HOME, DOCKER_CONFIG: join(HOME, '.docker/') });
  assert.deepEqual(serversOf(found), ['usual.example']);
});

void test('a file that cannot be read is a problem, not a crash', async (t) => {
  const HOME = await home(t);
  await mkdir(join(HOME, '.docker', 'config.json'));
  const [found] = await readDockerConfigFiles({ HOME });
  assert.match(found?.problem ?? '', /cannot be read \(EISDIR\)/);
});
