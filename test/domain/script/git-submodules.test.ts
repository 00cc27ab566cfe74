import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { it } from 'node:test';
import { filesWith, GIT_NAMES, TOKEN, useGitJobs, withSubmodule } from './support/git-job.ts';
import { git } from './support/git-server.ts';
import { describeForShells, plain } from './support/stage-runs.ts';

describeForShells('submodules of a job', 'all', (shell) => {
  const jobs = useGitJobs(shell);

  it('include submodules when the job wants them, with the token', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const job = jobOf({ path: 'group/outer', variables: { GIT_SUBMODULE_STRATEGY: 'normal' } });
    const output = await succeed(job);
    assert.match(output, /^Updating\/initializing submodules\.\.\.$/m);
    assert.match(output, /^Updated submodules$/m);
    const dir = dirOf(job);
    assert.deepEqual(
      [existsSync(join(dir, 'sub/sub')), existsSync(join(dir, 'sub/inner/inner'))],
      [true, false],
    );
  });

  it('include nested submodules, job after job, each with its depth', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const job = jobOf({
      path: 'group/outer',
      variables: { GIT_SUBMODULE_STRATEGY: 'recursive', GIT_SUBMODULE_DEPTH: '1' },
    });
    for (const round of [1, 2]) {
      assert.match(await succeed(job), /submodules recursively with git depth set to 1\.\.\.$/m);
      const dir = dirOf(job);
      assert.ok(existsSync(join(dir, 'sub/inner/inner')), `round ${round}`);
      writeFileSync(join(dir, 'sub/inner/inner'), 'changed');
      writeFileSync(join(dir, 'sub/new'), 'new');
    }
    await succeed(job);
    assert.equal(readFileSync(join(dirOf(job), 'sub/inner/inner'), 'utf8'), 'i\n');
    assert.equal(existsSync(join(dirOf(job), 'sub/new')), false);
    assert.equal(filesWith(dirOf(job), TOKEN).length, 0);
  });

  const moves: readonly (readonly [what: string, variables: Readonly<Record<string, string>>])[] = [
    ['', { GIT_SUBMODULE_STRATEGY: 'normal' }],
    [' of one commit each', { GIT_SUBMODULE_STRATEGY: 'normal', GIT_SUBMODULE_DEPTH: '1' }],
    [', by --remote', { GIT_SUBMODULE_STRATEGY: 'normal', GIT_SUBMODULE_UPDATE_FLAGS: '--remote' }],
    [', nested too', { GIT_SUBMODULE_STRATEGY: 'recursive' }],
    [
      ', nested too, by --remote',
      { GIT_SUBMODULE_STRATEGY: 'recursive', GIT_SUBMODULE_UPDATE_FLAGS: '--remote' },
    ],
  ];
  for (const [index, [what, variables]] of moves.entries()) {
    it(`move on with the job, and keep the files that do not change${what}`, async () => {
      const { server, jobOf, dirOf, succeed } = jobs();
      const group = `moving-${index}`;
      const [inner = ''] = server.addRepository(`${group}/inner`, [{ same: 'i\n' }]);
      const [sub = ''] = server.addRepository(`${group}/sub`, [
        withSubmodule('inner', { hash: inner }, { same: 's\n' }),
      ]);
      const [outer = ''] = server.addRepository(`${group}/outer`, [
        withSubmodule('lib/sub', { hash: sub, repository: 'sub' }, {}),
      ]);
      const jobAt = (sha: string) => jobOf({ path: `${group}/outer`, git: { sha }, variables });
      await succeed(jobAt(outer));

      const [inner2 = ''] = server.addCommits(`${group}/inner`, [{ next: 'i2\n' }]);
      const [sub2 = ''] = server.addCommits(`${group}/sub`, [
        { next: 's2\n', [`submodule inner ${inner2}`]: '' },
      ]);
      const [outer2 = ''] = server.addCommits(`${group}/outer`, [
        { [`submodule lib/sub ${sub2}`]: '' },
      ]);
      const isRecursive = variables['GIT_SUBMODULE_STRATEGY'] === 'recursive';
      const dirs = ['lib/sub', ...(isRecursive ? ['lib/sub/inner'] : [])];
      const pathsOf = (name: string) => dirs.map((dir) => join(dirOf(jobAt(outer2)), dir, name));
      const timesOf = () => pathsOf('same').map((path) => statSync(path).mtimeMs);
      const before = timesOf();
      assert.doesNotMatch(await succeed(jobAt(outer2)), /Retrying/);
      assert.deepEqual(
        pathsOf('next').map((path) => readFileSync(path, 'utf8')),
        ['s2\n', 'i2\n'].slice(0, dirs.length),
      );
      assert.deepEqual(timesOf(), before);
      assert.equal(git(join(dirOf(jobAt(outer2)), 'lib/sub'), 'status', '--porcelain'), '');
      assert.doesNotMatch(await succeed(jobAt(outer2)), /Retrying/);
      assert.deepEqual(timesOf(), before);
    });
  }

  it('are updated after a job whose submodule had a nested one without an address', async () => {
    const { server, jobOf, dirOf, getSources, succeed } = jobs();
    const [inner = ''] = server.addRepository('unnamed/inner', [{ inner: 'i\n' }]);
    const [sub = ''] = server.addRepository('unnamed/sub', [
      { sub: 's\n', [`submodule inner ${inner}`]: '' },
    ]);
    const [outer = ''] = server.addRepository('unnamed/outer', [
      withSubmodule('sub', { hash: sub }, {}),
    ]);
    const variables = { GIT_SUBMODULE_STRATEGY: 'recursive' };
    const jobAt = (sha: string) => jobOf({ path: 'unnamed/outer', git: { sha }, variables });
    const { exitCode, output } = await getSources(jobAt(outer));
    assert.notEqual(exitCode, 0);
    assert.match(output, /No url found for submodule path '(?:sub\/)?inner'/);

    const [sub2 = ''] = server.addCommits('unnamed/sub', [
      withSubmodule('inner', { hash: inner }, {}),
    ]);
    const [outer2 = ''] = server.addCommits('unnamed/outer', [{ [`submodule sub ${sub2}`]: '' }]);
    assert.match(await succeed(jobAt(outer2)), /Checking them out again\.\.\.$/m);
    const dir = dirOf(jobAt(outer2));
    assert.equal(readFileSync(join(dir, 'sub/inner/inner'), 'utf8'), 'i\n');
    assert.equal(git(join(dir, 'sub'), 'status', '--porcelain'), '');
    assert.doesNotMatch(await succeed(jobAt(outer2)), /Checking them out again|Retrying/);
  });

  it('get back a file that an earlier job has changed and hidden from git', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const job = jobOf({
      path: 'group/outer',
      variables: { GIT_SUBMODULE_STRATEGY: 'recursive' },
    });
    await succeed(job);
    const hidden = { 'sub/sub': 's\n', 'sub/inner/inner': 'i\n' };
    for (const path of Object.keys(hidden)) {
      const changed = join(dirOf(job), path);
      git(dirname(changed), 'update-index', '--skip-worktree', basename(changed));
      writeFileSync(changed, 'changed');
    }
    assert.doesNotMatch(await succeed(job), /Checking them out again|Retrying/);
    for (const [path, content] of Object.entries(hidden)) {
      assert.equal(readFileSync(join(dirOf(job), path), 'utf8'), content);
    }
  });

  it('are fetched again when they have the names of git’s own files', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const job = jobOf({ path: 'group/odd', variables: { GIT_SUBMODULE_STRATEGY: 'normal' } });
    for (const round of [1, 2, 3]) {
      await succeed(job);
      const contents = GIT_NAMES.map((name) =>
        readFileSync(join(dirOf(job), name, 'inner'), 'utf8'),
      );
      assert.deepEqual(contents, Array(GIT_NAMES.length).fill('i\n'), `round ${round}`);
    }
  });

  for (const strategy of ['normal', 'recursive']) {
    it(`are cleaned after a job when it asks for that, with strategy ${strategy}`, async () => {
      const { place, jobOf, dirOf, succeed } = jobs();
      const variables = { GIT_SUBMODULE_STRATEGY: strategy, FF_ENABLE_JOB_CLEANUP: 'true' };
      const job = jobOf({ path: 'group/outer', variables });
      await succeed(job);
      const dir = dirOf(job);
      const dirs = strategy === 'normal' ? ['sub'] : ['sub', 'sub/inner'];
      for (const each of dirs) writeFileSync(join(dir, each, 'junk'), 'junk');
      writeFileSync(join(dir, 'sub/sub'), 'changed');
      git(join(dir, 'sub'), 'commit', '-q', '--allow-empty', '-m', 'moved on');
      const { exitCode, output } = await place.run(shell, 'cleanup_file_variables', job);
      assert.equal(exitCode, 0, output);
      assert.deepEqual(
        dirs.map((each) => existsSync(join(dir, each, 'junk'))),
        dirs.map(() => false),
      );
      assert.equal(readFileSync(join(dir, 'sub/sub'), 'utf8'), 's\n');
      await succeed(job);
    });
  }

  it('do not change other repositories in the checkout or in themselves', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const variables = {
      GIT_SUBMODULE_STRATEGY: 'recursive',
      GIT_CLEAN_FLAGS: '-ffdx -e keep/',
      FF_ENABLE_JOB_CLEANUP: 'true',
    };
    const job = jobOf({ path: 'group/outer', variables });
    await succeed(job);
    const kept = ['keep', 'sub/keep', 'sub/inner/keep'].map((name) => join(dirOf(job), name));
    for (const dir of kept) {
      mkdirSync(dir);
      git(dir, 'init', '-q');
      git(dir, 'commit', '-q', '--allow-empty', '-m', 'kept');
    }
    await jobs().place.run(shell, 'cleanup_file_variables', job);
    await succeed(job);
    for (const dir of kept) assert.equal(git(dir, 'log', '--format=%s'), 'kept');
  });

  it('fail when the submodule strategy is unknown', async () => {
    const { jobOf, getSources } = jobs();
    const run = await getSources(jobOf({ variables: { GIT_SUBMODULE_STRATEGY: 'all' } }));
    assert.equal(run.exitCode, 1);
    assert.match(plain(run.output), /^ERROR: unknown GIT_SUBMODULE_STRATEGY$/m);
  });
});
