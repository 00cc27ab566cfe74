import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { TomlTable } from '../../src/adapters/config/toml-table.ts';
import {
  deleted,
  forbidden,
  outage,
  registered,
  REGISTRATION_TOKEN,
  TOKEN,
  verified,
} from './support.ts';
import {
  installation,
  readRunners,
  paths,
  silently,
  setUpInstallation,
} from './register-support.ts';

setUpInstallation();

describe('register with an authentication token', () => {
  it('verifies the token with GitLab and saves the runner for its owner only', async () => {
    const { gitlab, configPath, run } = installation;
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(
      silently(...['--token', TOKEN, '--name', 'my runner', '--limit', '1']),
    );
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(paths(), ['POST /api/v4/runners/verify']);
    const { token, system_id } = gitlab.requests[0]?.json() ?? {};
    assert.equal(token, TOKEN);
    assert.match(String(system_id), /^[sr]_\w{12}$/);
    const [{ token_obtained_at, token_expires_at, ...runner } = assert.fail()] =
      await readRunners();
    assert.deepEqual(runner, {
      ...{ name: 'my runner', url: gitlab.url, id: 12, token: TOKEN, executor: 'docker', limit: 1 },
      docker: { image: 'busybox', volumes: ['/cache'] },
    });
    assert.ok(Math.abs(Date.now() - (token_obtained_at as Date).getTime()) < 60_000);
    assert.equal((token_expires_at as Date).toISOString(), '0001-01-01T00:00:00.000Z');
    assert.equal((await stat(configPath)).mode & 0o777, 0o600);
    assert.match(stderr, /Verifying runner\.\.\. is valid +runner=CliTestTo\b/);
    assert.match(stderr, /Runner registered successfully\. Feel free to start it, but if/);
    assert.ok(stderr.includes(`(with the authentication token) was saved in "${configPath}"`));
    assert.ok(!stderr.includes(TOKEN), 'no token in the log');
  });

  it('adds to an existing file and keeps its comments', async () => {
    const { gitlab, configPath, run } = installation;
    const before = '# ours\nconcurrent = 7 # many\n';
    await writeFile(configPath, before);
    gitlab.answer(verified);
    assert.equal((await run(silently('--token', TOKEN))).exitCode, 0);
    assert.ok((await readFile(configPath, 'utf8')).startsWith(before));
    assert.equal((await readRunners()).length, 1);
  });

  it('writes the keys of options with their types', async () => {
    const { gitlab, run } = installation;
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(
      silently(
        ...['--token', TOKEN, '--request-concurrency', '2', '--env', 'A=b,c', '--env', 'D=e'],
        ...['--builds-dir', '/b', '--docker-helper-image', 'helper', '--docker-privileged'],
        ...['--docker-disable-cache=false', '--docker-tls-verify', 'false'],
        ...['--docker-volumes', '/a:/b', '--docker-volumes', 'shared:/cache'],
        ...['--docker-pull-policy', 'if-not-present', '--docker-network-mode', 'host'],
        ...['--docker-memory', '128m', '--docker-cpus', '0.5', '--docker-user', '1000'],
      ),
    );
    assert.equal(exitCode, 0, stderr);
    const [runner] = await readRunners();
    assert.equal(runner?.['request_concurrency'], 2);
    assert.deepEqual(runner['environment'], ['A=b,c', 'D=e']);
    assert.equal(runner['builds_dir'], '/b');
    assert.deepEqual(runner['docker'], {
      image: 'busybox',
      helper_image: 'helper',
      user: '1000',
      tls_verify: false,
      privileged: true,
      disable_cache: false,
      pull_policy: ['if-not-present'],
      volumes: ['/a:/b', 'shared:/cache'],
      network_mode: 'host',
      memory: '128m',
      cpus: '0.5',
    });
    assert.match(stderr, /"request_concurrency" is larger than "concurrent"/);
  });

  it('adds no cache volume when the cache is disabled', async () => {
    const { gitlab, run } = installation;
    gitlab.answer(verified);
    await run(silently('--token', TOKEN, '--docker-disable-cache'));
    const [runner] = await readRunners();
    assert.ok(!('volumes' in ((runner?.['docker'] ?? {}) as TomlTable)));
  });

  it('refuses a value that no config may hold before GitLab is asked', async () => {
    const { run, gitlab } = installation;
    const { exitCode, stderr } = await run(silently('--token', TOKEN, '--docker-memory', 'lots'));
    assert.equal(exitCode, 1);
    assert.match(stderr, /FATAL: options: runners\[0\]\.docker\.memory: expected a size/);
    assert.deepEqual(gitlab.requests, []);
  });

  it('takes the token under the old option too, where it ignores what the server decides', async () => {
    const { run, gitlab } = installation;
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(
      silently('--registration-token', TOKEN, '--tag-list', 'a,b', '--locked=false'),
    );
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /WARNING: You have specified an authentication token in the legacy/);
    assert.equal((await readRunners())[0]?.['token'], TOKEN);
  });

  for (const reserved of [
    ['--tag-list', 'a'],
    ['--run-untagged'],
    ['--locked=false'],
    ['--access-level', 'ref_protected'],
    ['--maximum-timeout', '60'],
    ['--paused'],
    ['--maintenance-note', 'x'],
  ]) {
    it(`refuses ${reserved.join(' ')}, which the server decides`, async () => {
      const { run, gitlab } = installation;
      const { exitCode, stderr } = await run(silently('--token', TOKEN, ...reserved));
      assert.equal(exitCode, 1);
      assert.match(stderr, /FATAL: Runner configuration other than name and executor .*reserved/);
      assert.deepEqual(gitlab.requests, []);
    });
  }

  for (const [answer, why, advice] of [
    [forbidden, 'refuses the token', /does not accept this token: copy it again/],
    [outage, 'is out of order', /Check that "http:.*" is the address of GitLab/],
  ] as const) {
    it(`saves nothing when GitLab ${why}`, async () => {
      const { run, gitlab, configPath } = installation;
      gitlab.answer(answer);
      const { exitCode, stderr } = await run(silently('--token', TOKEN));
      assert.equal(exitCode, 1);
      assert.match(stderr, /FATAL: Failed to verify the runner\./);
      assert.match(stderr, advice);
      await assert.rejects(stat(configPath), { code: 'ENOENT' });
      assert.ok(!stderr.includes(TOKEN));
    });
  }

  it('accepts a runner token of the old kind if GitLab knows it', async () => {
    const { run, gitlab } = installation;
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(silently('--token', 'oldRunnerTokenAaBbCc'));
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /use the '-r' instead of '-t'/);
    assert.equal((await readRunners())[0]?.['token'], 'oldRunnerTokenAaBbCc');
  });
});

describe('register with a registration token', () => {
  it('registers a runner and saves the token that GitLab gives it', async () => {
    const { run, gitlab } = installation;
    gitlab.answer(registered);
    const { exitCode, stderr } = await run(
      silently(
        ...['--registration-token', REGISTRATION_TOKEN, '--description', 'mine'],
        ...['--tag-list', 'a, b', '--locked=false', '--paused', '--access-level', 'ref_protected'],
        ...['--maximum-timeout', '600', '--maintenance-note', 'note'],
      ),
    );
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(paths(), ['POST /api/v4/runners']);
    const { info, ...sent } = gitlab.requests[0]?.json() ?? {};
    assert.ok(info);
    assert.deepEqual(sent, {
      token: REGISTRATION_TOKEN,
      description: 'mine',
      maintenance_note: 'note',
      tag_list: 'a,b',
      run_untagged: false,
      locked: false,
      access_level: 'ref_protected',
      maximum_timeout: 600,
      paused: true,
    });
    const [runner] = await readRunners();
    assert.equal(runner?.['token'], 'newRunnerTokenAaBbCcDd');
    assert.equal(runner['id'], 13);
    assert.match(stderr, /WARNING: Support for registration tokens .*deprecated/);
    assert.ok(!stderr.includes(REGISTRATION_TOKEN) && !stderr.includes('newRunnerToken'), stderr);
  });

  it('runs jobs without tags when it has none, and is locked unless told otherwise', async () => {
    const { run, gitlab } = installation;
    gitlab.answer(registered);
    await run(silently('--registration-token', REGISTRATION_TOKEN));
    const { run_untagged, locked } = gitlab.requests[0]?.json() ?? {};
    assert.deepEqual([run_untagged, locked], [true, true]);
  });

  it('unregisters the runner when it cannot be saved', async () => {
    const { run, gitlab, configPath } = installation;
    gitlab.answer((response, request) => {
      // The file becomes invalid between the prompts and the end.
      void mkdir(configPath, { recursive: true }).then(() =>
        (request.method === 'POST' ? registered : deleted)(response, request),
      );
    });
    const { exitCode, stderr } = await run(silently('-r', REGISTRATION_TOKEN));
    assert.equal(exitCode, 1);
    assert.deepEqual(paths(), ['POST /api/v4/runners', 'DELETE /api/v4/runners']);
    assert.deepEqual(gitlab.requests[1]?.json(), { token: 'newRunnerTokenAaBbCcDd' });
    assert.match(stderr, /Unregistering runner from GitLab succeeded/);
  });

  it('unregisters the runner when the executor is unknown, but not with --leave-runner', async () => {
    const { run, gitlab } = installation;
    const shell = ['--registration-token', REGISTRATION_TOKEN, '--executor', 'shell'];
    gitlab.answer(registered, deleted);
    const { exitCode, stderr } = await run(silently(...shell));
    assert.equal(exitCode, 1);
    assert.match(stderr, /FATAL: Invalid executor specified: "shell", only "docker"/);
    assert.deepEqual(paths(), ['POST /api/v4/runners', 'DELETE /api/v4/runners']);
    gitlab.answer(registered);
    await run(silently(...shell, '--leave-runner'));
    assert.deepEqual(paths().slice(2), ['POST /api/v4/runners']);
  });
});
