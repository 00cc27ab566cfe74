import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from './support.ts';

let configPath = '';
before(async () => {
  configPath = join(await mkdtemp(join(tmpdir(), 'tgr-main-')), 'config.toml');
  await writeFile(configPath, 'concurrent = 0\n', { mode: 0o600 });
});
after(() => rm(join(configPath, '..'), { recursive: true, force: true }));

describe('the command line', () => {
  it('says its version in several lines, as gitlab-runner does', async () => {
    const { exitCode, stdout } = await run(['--version']);
    assert.equal(exitCode, 0);
    assert.match(
      stdout,
      /^Version: +\d+\.\d+\.\d+\nGit revision: .*\nDoes as: +gitlab-runner 19\.4\.0\nNode version: v\d+/,
    );
    assert.match(stdout, /^OS\/Arch: +linux\/\w+$/m);
  });

  it('names the Temporal SDK that is loaded, not the range that is asked for', async () => {
    const { stdout } = await run(['--version']);
    const file = new URL('../package.json', import.meta.resolve('@temporalio/worker'));
    const { version } = JSON.parse(await readFile(file, 'utf8')) as { readonly version: string };
    assert.match(version, /^\d+\.\d+\.\d+/);
    assert.ok(stdout.includes(`\nTemporal SDK: ${version}\n`), stdout);
  });

  it('takes an empty variable of the environment for one that is not set', async () => {
    const names = ['RUNNER_DEBUG', 'LOG_FORMAT', 'LOG_LEVEL', 'REGISTER_PAUSED'];
    for (const name of names) process.env[name] = '';
    try {
      const { exitCode, stderr } = await run(['unregister', '-c', configPath]);
      assert.equal(exitCode, 1);
      assert.ok(!stderr.includes('error_stack'), 'RUNNER_DEBUG="" turns debugging on');
    } finally {
      for (const name of names) Reflect.deleteProperty(process.env, name);
    }
  });

  it('prints help', async () => {
    const { exitCode, stdout } = await run(['--help']);
    assert.equal(exitCode, 0);
    for (const command of ['run', 'register', 'verify', 'list', 'unregister', 'lint']) {
      assert.match(stdout, new RegExp(`^ {2}${command} `, 'm'));
    }
  });

  it('lists the settings of a node that config.toml has no key for', async () => {
    const { exitCode, stdout } = await run(['run', '--help']);
    assert.equal(exitCode, 0);
    for (const name of ['STATE_DIR', 'NODE_WAIT', 'CACHE_DAYS', 'CACHE_SIZE']) {
      assert.match(stdout, new RegExp(`^ {2}TEMPORAL_GITLAB_RUNNER_${name} `, 'm'));
    }
  });

  const wrong: readonly [args: readonly string[], complaint: RegExp, why: string][] = [
    [['fly'], /unknown command 'fly'/, 'no such command'],
    [['list', '--wings'], /unknown option '--wings'/, 'no such option'],
    [['list', 'extra'], /too many arguments/, 'an argument too many'],
    [['--log-level', 'loud', 'list'], /Expected one of debug, info/, 'no such level'],
    [['--log-format', 'xml', 'list'], /Expected one of runner, text, json/, 'no such format'],
    [['--debug=perhaps', 'list'], /Expected true or false/, 'neither true nor false'],
    [['register', '--limit', 'many'], /Expected a whole number/, 'not a number'],
    [['register', '--access-level', 'root'], /Expected not_protected or/, 'no such level'],
  ];
  for (const [args, complaint, why] of wrong) {
    it(`ends with 2 for ${args.join(' ')}: ${why}`, async () => {
      const { exitCode, stderr } = await run(args);
      assert.equal(exitCode, 2);
      assert.match(stderr, complaint);
    });
  }

  for (const level of ['error', 'fatal', 'panic']) {
    it(`ends with 1 and one line with the reason, also at the log level ${level}`, async () => {
      const { exitCode, stderr } = await run([`--log-level=${level}`, 'list', '-c', configPath]);
      assert.equal(exitCode, 1);
      assert.equal(stderr.trim(), `FATAL: ${configPath}: concurrent: expected at least 1, got 0`);
    });
  }

  it('takes --log-level in any case, and trace, as gitlab-runner does', async () => {
    for (const level of ['ERROR', 'trace']) {
      const { exitCode } = await run([`--log-level=${level}`, 'list', '-c', configPath]);
      assert.equal(exitCode, 1, level);
    }
  });

  it('adds where an error came from only with --debug', async () => {
    const { stderr } = await run(['--debug', 'list', '-c', configPath]);
    assert.match(stderr, /error_stack=.*read-config/);
  });

  it('accepts global options before and after the command, and all spellings of true', async () => {
    for (const args of [
      ['--debug', 'list'],
      ['--debug=true', 'list'],
      ['--debug', 'true', 'list'],
      ['list', '--debug=1'],
    ]) {
      const { stderr } = await run([...args, '-c', configPath]);
      assert.match(stderr, /error_stack=/, args.join(' '));
    }
    const { stderr } = await run(['--debug', 'false', 'list', '-c', configPath]);
    assert.ok(!stderr.includes('error_stack='));
  });

  it('says which directory it cannot change to', async () => {
    const { exitCode, stderr } = await run(['run', '-d', '/no/where', '-c', configPath]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /FATAL: --working-directory "\/no\/where" cannot be used: ENOENT/);
  });

  it('logs in the format that was asked for, first of all on what it runs', async () => {
    const { stderr } = await run(['--log-format', 'json', 'list', '-c', configPath]);
    const [platform] = stderr.split('\n');
    const { msg, os, version } = JSON.parse(platform ?? '') as Record<string, unknown>;
    assert.deepEqual([msg, os], ['Runtime platform', process.platform]);
    assert.match(String(version), /^\d+\./);
  });
});
