import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { afterEach, describe, it } from 'node:test';
import {
  deleted,
  forbidden,
  openInstallation,
  outage,
  runnerToml,
  TOKEN,
  verified,
  type Installation,
} from './support.ts';

const OLD_TOKEN = 'oldRunnerTokenAaBbCc';

let installation: Installation | undefined;
afterEach(() => installation?.close());

async function openTwo(): Promise<Installation> {
  installation = await openInstallation(
    (url) =>
      `# ours\nconcurrent = 2\n` +
      runnerToml('one', { url, token: TOKEN }) +
      runnerToml('two', { url, token: OLD_TOKEN }),
  );
  return installation;
}

describe('a config file without runners', () => {
  for (const args of [['verify'], ['list'], ['unregister', '--all-runners']]) {
    it(`is named by ${args.join(' ')}: it may be the wrong one`, async () => {
      installation = await openInstallation();
      const { exitCode, stderr } = await installation.run(args);
      assert.equal(exitCode, 0);
      assert.match(stderr, /WARNING: no runners in the config file +config=.*config\.toml/);
    });
  }
});

describe('a url with a password', () => {
  it('is refused without its password by verify, and shown without it by list', async () => {
    installation = await openInstallation((url) =>
      runnerToml('one', { url: url.replace('//', '//user:canary@'), token: TOKEN }),
    );
    const verify = await installation.run(['verify']);
    assert.equal(verify.exitCode, 1);
    assert.match(verify.stderr, /"url" of the runner has a user or password in it/);
    const list = await installation.run(['list']);
    assert.match(list.stderr, /URL="?http:\/\/127\.0\.0\.1:/);
    assert.doesNotMatch(verify.stderr + list.stderr, /canary/);
  });
});

describe('verify', () => {
  it('says of each runner that GitLab knows it', async () => {
    const { run, gitlab } = await openTwo();
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(['verify']);
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /Verifying runner\.\.\. is valid +runner=CliTestTo\b/);
    assert.match(stderr, /Verifying runner\.\.\. is alive +runner=oldRunner\b/);
    assert.ok(!stderr.includes(TOKEN) && !stderr.includes(OLD_TOKEN));
  });

  it('fails when GitLab does not know one, and leaves the file alone', async () => {
    const { run, gitlab, configPath } = await openTwo();
    const before = await readFile(configPath, 'utf8');
    gitlab.answer(verified, forbidden);
    const { exitCode, stderr } = await run(['verify']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /Verifying runner\.\.\. is removed/);
    assert.match(
      stderr,
      /Failed to verify runners: register the invalid ones again, or use --delete/,
    );
    assert.ok(stderr.includes(`url=${gitlab.url}`), 'which GitLab it was');
    assert.equal(await readFile(configPath, 'utf8'), before);
  });

  it('with --delete removes those that GitLab does not know', async () => {
    const { run, gitlab, configPath } = await openTwo();
    gitlab.answer(forbidden, verified);
    const { exitCode, stderr } = await run(['verify', '--delete']);
    assert.equal(exitCode, 0, stderr);
    const text = await readFile(configPath, 'utf8');
    assert.ok(text.startsWith('# ours\n'));
    assert.ok(!text.includes('"one"') && text.includes('"two"'));
    assert.ok(stderr.includes(`Updated ${configPath}`));
  });

  it('never removes a runner because of an outage, nor calls it verified', async () => {
    const { run, gitlab, configPath } = await openTwo();
    const before = await readFile(configPath, 'utf8');
    gitlab.answer(outage);
    const { exitCode, stderr } = await run(['verify', '--delete']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /Verifying runner\.\.\. failed/);
    assert.equal(await readFile(configPath, 'utf8'), before);
  });

  for (const [filter, asked] of [
    [['--name', 'two'], [OLD_TOKEN]],
    [['--token', TOKEN], [TOKEN]],
  ] as const) {
    it(`asks only about the runner chosen by ${filter[0]}`, async () => {
      const { run, gitlab } = await openTwo();
      gitlab.answer(verified);
      assert.equal((await run(['verify', ...filter])).exitCode, 0);
      assert.deepEqual(
        gitlab.requests.map((request) => request.json()['token']),
        asked,
      );
    });
  }

  it('fails when no runner is the one asked for', async () => {
    const { run } = await openTwo();
    const { exitCode, stderr } = await run(['verify', '--name', 'three']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /no runner matches the filtering parameters/);
  });
});

describe('unregister', () => {
  it('takes this machine out of GitLab, then the runner out of the file', async () => {
    const { run, gitlab, configPath } = await openTwo();
    gitlab.answer(deleted);
    const { exitCode, stderr } = await run(['unregister', '--name', 'one']);
    assert.equal(exitCode, 0, stderr);
    assert.equal(gitlab.requests[0]?.path, '/api/v4/runners/managers');
    assert.ok(!(await readFile(configPath, 'utf8')).includes('"one"'));
  });

  it('removes a runner of the old kind as a whole', async () => {
    const { run, gitlab } = await openTwo();
    gitlab.answer(deleted);
    assert.equal((await run(['unregister', '--token', OLD_TOKEN])).exitCode, 0);
    assert.equal(gitlab.requests[0]?.path, '/api/v4/runners');
  });

  it('keeps those that GitLab kept', async () => {
    const { run, gitlab, configPath } = await openTwo();
    gitlab.answer(deleted, forbidden);
    const { exitCode } = await run(['unregister', '--all-runners']);
    assert.equal(exitCode, 1);
    const text = await readFile(configPath, 'utf8');
    assert.ok(!text.includes('"one"') && text.includes('"two"'));
  });

  it('requires a runner to be named', async () => {
    const { run, gitlab } = await openTwo();
    const { exitCode, stderr } = await run(['unregister']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /at least one of --name or --token must be specified/);
    assert.deepEqual(gitlab.requests, []);
  });
});

describe('list', () => {
  it('has one line for each runner, without its token', async () => {
    const { run, configPath } = await openTwo();
    const { exitCode, stdout, stderr } = await run(['list']);
    assert.equal(exitCode, 0);
    assert.match(stderr, new RegExp(`Listing configured runners +ConfigFile=${configPath}\n`));
    assert.match(stderr, /^one +Executor=docker URL=http:\S+ runner=CliTestTo$/m);
    assert.match(stderr, /^two +Executor=docker URL=http:\S+ runner=oldRunner$/m);
    assert.ok(!(stdout + stderr).includes(TOKEN));
  });

  it('shows whole tokens only when told to, and not in the log', async () => {
    const { run } = await openTwo();
    const { stdout, stderr } = await run(['list', '--show-tokens']);
    assert.match(stdout, new RegExp(`^one\t${TOKEN}\thttp`));
    assert.ok(!stderr.includes(TOKEN));
  });
});
