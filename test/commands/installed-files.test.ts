import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot } from '../support/project-root.ts';

const execute = promisify(execFile);
const read = (name: string): Promise<string> => readFile(join(projectRoot(), name), 'utf8');

describe('what is installed', () => {
  it('is a program that runs by a link to it, as npm makes one', async () => {
    const { bin } = JSON.parse(await read('package.json')) as { bin: Record<string, string> };
    const program = join(projectRoot(), bin['temporal-gitlab-runner'] ?? '');
    assert.equal((await stat(program)).mode & 0o111, 0o111);
    const directory = await mkdtemp(join(tmpdir(), 'tgr-bin-'));
    try {
      const link = join(directory, 'temporal-gitlab-runner');
      await symlink(program, link);
      const { stdout } = await execute(link, ['--version'], { cwd: directory });
      assert.match(stdout, /^Version: +\d/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('has in .env.example each variable that the compose file asks for', async () => {
    const [compose, example] = await Promise.all([
      read('docker-compose.yml'),
      read('.env.example'),
    ]);
    const asked = new Set([...compose.matchAll(/\$\{(\w+)/g)].map(([, name]) => name ?? ''));
    assert.ok(asked.has('NODE_NAME') && asked.has('DOCKER_CONFIG_DIR'));
    for (const name of asked) assert.match(example, new RegExp(`^${name}=`, 'm'));
  });

  it('gives the worker of the compose file a name of its own and the logins for registries', async () => {
    const compose = await read('docker-compose.yml');
    const worker = compose.slice(compose.indexOf('\n  worker:'));
    assert.match(worker, /hostname: \$\{NODE_NAME:\?/);
    assert.match(worker, /DOCKER_CONFIG: \/root\/\.docker\n/);
    assert.match(worker, /- \$\{DOCKER_CONFIG_DIR:-[^}]+\}:\/root\/\.docker:ro\n/);
  });
});
