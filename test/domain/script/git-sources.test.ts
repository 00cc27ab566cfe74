import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { filesWith, TOKEN, useGitJobs } from './support/git-job.ts';
import { git } from './support/git-server.ts';
import { describeForShells, hasProgram, variable } from './support/stage-runs.ts';

describeForShells('sources of a job', ['bash'], (shell) => {
  const jobs = useGitJobs(shell);

  it('are fetched and checked out, with gitlab-runner’s lines', async () => {
    const { hashes, jobOf, dirOf, succeed } = jobs();
    const job = jobOf();
    const output = await succeed(job);
    assert.match(
      output,
      new RegExp(
        '^Gitaly correlation ID: correlation\nFetching changes...\nInitialized empty Git repository in .*\n' +
          `Created fresh repository.\nChecking out ${hashes[2]?.slice(0, 8)} as detached HEAD \\(ref is main\\)...\n` +
          '\n?Skipping Git submodules setup\n$',
      ),
    );
    const dir = dirOf(job);
    assert.equal(readFileSync(join(dir, 'd/b'), 'utf8'), 'b\n');
    assert.equal(git(dir, 'rev-parse', 'HEAD'), hashes[2]);
    assert.equal(git(dir, 'rev-list', '--count', 'HEAD'), '3');
  });

  it('are fetched with the token, which neither origin nor .git contains', async () => {
    const { server, jobOf, dirOf, succeed } = jobs();
    const job = jobOf();
    await succeed(job);
    const dir = dirOf(job);
    assert.equal(git(dir, 'config', 'remote.origin.url'), `http://${server.host}/group/app.git`);
    assert.equal(filesWith(join(dir), TOKEN).length, 0);
    assert.ok(server.requests.some(({ authorization }) => authorization !== undefined));
  });

  it('are requested with the name of the program and the correlation id', async () => {
    const { server, jobOf, succeed } = jobs();
    await succeed(jobOf());
    for (const { userAgent, correlationId } of server.requests) {
      assert.equal(userAgent, 'temporal-gitlab-runner 1.2.3 linux/amd64');
      assert.equal(correlationId, 'correlation');
    }
  });

  it('can be fetched by the job itself, as long as the job runs', async () => {
    const { place, jobOf, succeed } = jobs();
    const job = jobOf({ more: { steps: [{ name: 'script', script: ['git fetch origin main'] }] } });
    await succeed(job);
    const run = await place.run(shell, 'step_script', job, { env: { GIT_TERMINAL_PROMPT: '0' } });
    assert.equal(run.exitCode, 0, run.output);
    await place.run(shell, 'cleanup_file_variables', job);
    const late = await place.run(shell, 'step_script', job, { env: { GIT_TERMINAL_PROMPT: '0' } });
    assert.notEqual(late.exitCode, 0);
  });

  it('are limited to a depth, and completed when a later job wants all commits', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const shallow = jobOf({ git: { depth: 1 } });
    assert.match(await succeed(shallow), /^Fetching changes with git depth set to 1\.\.\.$/m);
    assert.equal(git(dirOf(shallow), 'rev-list', '--count', 'HEAD'), '1');
    await succeed(jobOf());
    assert.equal(git(dirOf(shallow), 'rev-list', '--count', 'HEAD'), '3');
  });

  it('replace files that an earlier job has changed, and remove its new files', async () => {
    const { hashes, jobOf, dirOf, succeed } = jobs();
    const job = jobOf();
    await succeed(job);
    const dir = dirOf(job);
    writeFileSync(join(dir, 'a'), 'changed');
    writeFileSync(join(dir, 'new'), 'new');
    writeFileSync(join(dir, '.git/index.lock'), '');
    mkdirSync(join(dir, '.git/refs/remotes/origin'), { recursive: true });
    writeFileSync(join(dir, '.git/refs/remotes/origin/main.lock'), '');
    await succeed(jobOf({ git: { sha: hashes[0] } }));
    assert.deepEqual(
      [readFileSync(join(dir, 'a'), 'utf8'), existsSync(join(dir, 'new'))],
      ['1\n', false],
    );
  });

  const cleaning: readonly [flags: string, kept: readonly string[], why: string][] = [
    ['', [], 'everything by default'],
    ['none', ['cache/x', 'new'], 'nothing'],
    ['-ffdx -e cache/', ['cache/x'], 'flags are words'],
  ];
  for (const [flags, kept, why] of cleaning) {
    it(`keep what GIT_CLEAN_FLAGS=${JSON.stringify(flags)} keeps: ${why}`, async () => {
      const { jobOf, dirOf, succeed } = jobs();
      const job = jobOf({ variables: { GIT_CLEAN_FLAGS: flags } });
      await succeed(job);
      const dir = dirOf(job);
      mkdirSync(join(dir, 'cache'));
      for (const file of ['cache/x', 'new']) writeFileSync(join(dir, file), '');
      await succeed(job);
      assert.deepEqual(
        ['cache/x', 'new'].filter((file) => existsSync(join(dir, file))),
        kept,
      );
    });
  }

  it('are cloned into an empty directory with the strategy clone', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const job = jobOf({ variables: { GIT_STRATEGY: 'clone', GIT_CLEAN_FLAGS: 'none' } });
    await succeed(job);
    writeFileSync(join(dirOf(job), 'old'), '');
    mkdirSync(join(dirOf(job), 'locked/x'), { recursive: true, mode: 0o000 });
    await succeed(job);
    assert.deepEqual(readdirSync(dirOf(job)).sort(), ['.git', 'a', 'd']);
  });

  it('are not changed with the strategy none', async () => {
    const { server, jobOf, dirOf, succeed } = jobs();
    const job = jobOf({ variables: { GIT_STRATEGY: 'none' } });
    mkdirSync(dirOf(job), { recursive: true });
    writeFileSync(join(dirOf(job), 'kept'), '');
    assert.equal(
      await succeed(job),
      'Skipping Git repository setup\nSkipping Git checkout\nSkipping Git submodules setup\n',
    );
    assert.deepEqual([readdirSync(dirOf(job)), server.requests], [['kept'], []]);
  });

  it('are an empty directory with the strategy empty', async () => {
    const { server, jobOf, dirOf, succeed } = jobs();
    const job = jobOf({ variables: { GIT_STRATEGY: 'empty' } });
    mkdirSync(dirOf(job), { recursive: true });
    writeFileSync(join(dirOf(job), 'old'), '');
    assert.match(await succeed(job), /^Skipping Git repository setup and creating an empty build/);
    assert.deepEqual([readdirSync(dirOf(job)), server.requests], [[], []]);
  });

  it('are fetched but not checked out when the job says so', async () => {
    const { hashes, jobOf, dirOf, succeed } = jobs();
    const job = jobOf({ variables: { GIT_CHECKOUT: 'false' } });
    assert.match(await succeed(job), /^Skipping Git checkout$/m);
    assert.equal(existsSync(join(dirOf(job), 'a')), false);
    assert.equal(git(dirOf(job), 'rev-parse', 'origin/main'), hashes[2]);
  });

  it('are fetched with the flags that the job adds', async () => {
    const { jobOf, succeed } = jobs();
    const job = jobOf({ variables: { GIT_FETCH_EXTRA_FLAGS: '--no-tags --verbose' } });
    assert.match(await succeed(job), /\[new branch\] +main/);
  });

  it('may come from a repository with sha256', async () => {
    const { place, server, jobOf, dirOf, succeed } = jobs();
    const bare = server.repositoryDir('group/sha256');
    const work = join(place.dir, 'repositories/sha256-work');
    if (!existsSync(bare)) {
      execFileSync('git', ['init', '-q', '-b', 'main', '--object-format=sha256', work]);
      git(work, 'commit', '-q', '--allow-empty', '-m', 'one');
      git(work, 'clone', '-q', '--bare', work, bare);
    }
    const sha = git(work, 'rev-parse', 'HEAD');
    const job = jobOf({ path: 'group/sha256', git: { sha, repo_object_format: 'sha256' } });
    await succeed(job);
    assert.equal(git(dirOf(job), 'rev-parse', 'HEAD'), sha);
  });

  it('fail the stage with git’s exit code when they cannot be fetched, without showing the token', async () => {
    const { jobOf, getSources } = jobs();
    const run = await getSources(jobOf({ git: { sha: '0'.repeat(40) } }));
    assert.notEqual(run.exitCode, 0);
    assert.deepEqual(run.state, { exitCode: run.exitCode });
    assert.match(run.output, /fatal: /);
  });

  it('are fetched after the work tree was cleared in the second attempt, and only there', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const job = jobOf({ variables: { GIT_CLEAN_FLAGS: '-ffdx -e node_modules/' } });
    const kept = join(dirOf(job), 'node_modules');
    await succeed(job);
    for (const attempt of [1, 3, 2]) {
      mkdirSync(kept);
      const isCleared = attempt === 2;
      const output = await succeed(job, attempt);
      assert.equal(/^Deleting tracked and untracked files\.\.\.$/m.test(output), isCleared);
      assert.equal(existsSync(kept), !isCleared);
      rmSync(kept, { recursive: true, force: true });
    }
  });

  it('keep what GIT_CLEAN_FLAGS keeps when git is cut off and asks again in the same attempt', async () => {
    const { jobOf, dirOf, getSources, succeed } = jobs();
    const variables = { GIT_CLEAN_FLAGS: '-ffdx -e node_modules/' };
    const job = jobOf({ variables });
    await succeed(job);
    mkdirSync(join(dirOf(job), 'node_modules'));
    await getSources(jobOf({ variables, git: { sha: '0'.repeat(40) } }));
    assert.doesNotMatch(await succeed(job), /Deleting tracked/);
    assert.ok(existsSync(join(dirOf(job), 'node_modules')));
  });

  it('have the hooks of configuration and job around them, which see the variables', async () => {
    const { place, jobOf, succeed } = jobs();
    const job = jobOf({
      variables: { NAME: 'value' },
      runner: {
        preGetSourcesScript: 'echo 1 $NAME',
        postGetSourcesScript: 'ls -a | grep -c "^a$"',
      },
      more: {
        hooks: [
          { name: 'pre_get_sources_script', script: ['echo 2', 'echo MINE=1 >>"$GITLAB_ENV"'] },
          {
            name: 'post_get_sources_script',
            script: ['cat a', 'test -s "$GLR_EXT_GIT_CONFIG_PATH"'],
          },
        ],
        steps: [{ name: 'script', script: ['echo "got $MINE"'] }],
      },
    });
    const lines = (await succeed(job))
      .split('\n')
      .filter((line) => /^(?:[123] ?\w*|Fetching.*)$/.test(line));
    assert.deepEqual(lines, ['1 value', '2', 'Fetching changes...', '3', '1']);
    assert.match((await place.run(shell, 'step_script', job)).output, /^got 1$/m);
  });

  it('have no hooks with the strategy none', async () => {
    const { jobOf, succeed } = jobs();
    const runner = { preGetSourcesScript: 'echo pre', postGetSourcesScript: 'echo post' };
    assert.doesNotMatch(
      await succeed(jobOf({ runner, variables: { GIT_STRATEGY: 'none' } })),
      /pre|post/,
    );
  });

  it('come from the address of the configuration when it has one', async () => {
    const { server, jobOf, dirOf, succeed } = jobs();
    const job = jobOf({
      runner: { cloneUrl: server.url },
      git: { repo_url: 'https://gitlab.invalid/group/app.git' },
      variables: { CI_PROJECT_PATH: 'group/app' },
    });
    await succeed(job);
    assert.equal(
      git(dirOf(job), 'config', 'remote.origin.url'),
      `http://${server.host}/group/app.git`,
    );
  });

  for (const strategy of ['fetch', 'none', 'empty']) {
    it(`get the token from a credential helper when the flag is on, with ${strategy}`, async () => {
      const { place, server, jobOf, succeed } = jobs();
      const job = jobOf({
        runner: { featureFlags: { FF_GIT_URLS_WITHOUT_TOKENS: true } },
        more: { steps: [{ name: 'script', script: ['cd / && git ls-remote "$URL" main'] }] },
        variables: { URL: `http://${server.host}/group/sub.git`, GIT_STRATEGY: strategy },
      });
      await succeed(job);
      assert.equal(filesWith(join(place.dir, 'builds'), TOKEN).length, 0);
      const run = await place.run(shell, 'step_script', job, { env: { GIT_TERMINAL_PROMPT: '0' } });
      assert.equal(run.exitCode, 0, run.output);
    });
  }

  it('are fetched from a coordinator whose CA git knows', async () => {
    const { place, server, jobOf, succeed } = jobs();
    await succeed(jobOf({ context: { tlsCaPem: 'CA\n' } }));
    const config = git(place.home, 'config', '-f', join(place.home, '.gitconfig'), '--list');
    assert.match(
      config,
      new RegExp(`^http\\.http://${server.host}\\.sslcainfo=.*/CI_SERVER_TLS_CA_FILE$`, 'm'),
    );
  });

  it(
    'include files of LFS unless the job skips them',
    { skip: !hasProgram('git-lfs') && 'needs git-lfs: apt-get install git-lfs' },
    async () => {
      const { jobOf, succeed } = jobs();
      const output = await succeed(jobOf());
      assert.match(output, /\n\nSkipping Git submodules setup\n$/);
      assert.match(
        await succeed(jobOf({ variables: { GIT_LFS_SKIP_SMUDGE: 'true' } })),
        /\.\.\.\nSkipping Git sub/,
      );
    },
  );

  it('can be accessed by every user of the job when the helper has its usual umask', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const job = jobOf();
    const script = process.umask(0);
    try {
      await succeed(job);
    } finally {
      process.umask(script);
    }
    assert.equal(statSync(join(dirOf(job), 'a')).mode & 0o666, 0o666);
    assert.equal(statSync(join(dirOf(job), 'd')).mode & 0o777, 0o777);
  });

  it('leave no secret behind after the clean-up', async () => {
    const { place, jobOf, dirOf, succeed } = jobs();
    const job = jobOf({
      more: {
        variables: [
          variable('CI_JOB_TOKEN', TOKEN),
          variable('KEY', 'file-s3cret', { file: true }),
          variable('FF_ENABLE_JOB_CLEANUP', 'true'),
        ],
        steps: [{ name: 'script', script: ['echo "X=env-s3cret" >>"$GITLAB_ENV"; echo 1 >left'] }],
      },
    });
    await succeed(job);
    await place.run(shell, 'step_script', job);
    const builds = join(place.dir, 'builds');
    assert.deepEqual(
      [TOKEN, 'file-s3cret', 'env-s3cret'].map((secret) => filesWith(builds, secret).length > 0),
      [true, true, true],
    );
    const run = await place.run(shell, 'cleanup_file_variables', job);
    assert.equal(run.exitCode, 0, run.output);
    for (const secret of [TOKEN, 's3cret']) assert.deepEqual(filesWith(builds, secret), []);
    assert.equal(existsSync(join(dirOf(job), 'left')), false);
  });

  it('are removed completely in the clean-up of a clone, when the flag is on', async () => {
    const { place, jobOf, dirOf, succeed } = jobs();
    const job = jobOf({ variables: { FF_ENABLE_JOB_CLEANUP: 'true', GIT_STRATEGY: 'clone' } });
    await succeed(job);
    await place.run(shell, 'cleanup_file_variables', job);
    assert.equal(existsSync(dirOf(job)), false);
  });
});
