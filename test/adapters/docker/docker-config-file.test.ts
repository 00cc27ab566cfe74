import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readDockerConfigFile } from '../../../src/adapters/docker/docker-config-file.ts';

const content = (server: string): string =>
  JSON.stringify({ auths: { [server]: { username: 'u', password: 'p' } } });

async function home(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-test-'));
  t.after(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, '.docker'));
  return directory;
}

void test('without a file there are no credentials and no problem', async (t) => {
  const { entries, problem } = await readDockerConfigFile({ HOME: await home(t) });
  assert.deepEqual({ entries, problem }, { entries: [], problem: undefined });
});

void test('config.json is preferred to .dockercfg, and both are found', async (t) => {
  const HOME = await home(t);
  await writeFile(join(HOME, '.dockercfg'), content('old.example'));
  assert.equal((await readDockerConfigFile({ HOME })).entries[0]?.server, 'old.example');
  const path = join(HOME, '.docker', 'config.json');
  await writeFile(path, content('new.example'));
  const found = await readDockerConfigFile({ HOME });
  assert.equal(found.entries[0]?.server, 'new.example');
  assert.equal(found.name, path);
});

void test('DOCKER_CONFIG names another directory', async (t) => {
  const DOCKER_CONFIG = await home(t);
  await writeFile(join(DOCKER_CONFIG, 'config.json'), content('other.example'));
  const found = await readDockerConfigFile({ HOME: await home(t), DOCKER_CONFIG });
  assert.equal(found.entries[0]?.server, 'other.example');
});

void test('a file that cannot be read is a problem, not a crash', async (t) => {
  const HOME = await home(t);
  await mkdir(join(HOME, '.docker', 'config.json'));
  assert.match((await readDockerConfigFile({ HOME })).problem ?? '', /cannot be read \(EISDIR\)/);
});
