import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { it } from 'node:test';
import { useGitJobs, withSubmodule } from './support/git-job.ts';
import { git } from './support/git-server.ts';
import { describeForShells } from './support/stage-runs.ts';

describeForShells('sources of a job', ['dash'], (shell) => {
  const jobs = useGitJobs(shell);

  const canary = (): string => jobs().canaryPath;
  const evil = (): string => `touch ${canary()}`;
  const program = (): string => {
    const path = join(jobs().place.dir, 'evil.sh');
    writeFileSync(path, `#!/bin/sh\ntouch ${canary()}\nexit 0\n`, { mode: 0o777 });
    return path;
  };
  /** Files that an earlier job leaves in the checkout and the next one must not run. */
  const plants: Readonly<Record<string, (dir: string) => void>> = {
    'hooks of every name': (dir) => {
      mkdirSync(join(dir, '.git/hooks'), { recursive: true });
      for (const name of [
        'post-checkout',
        'reference-transaction',
        'post-index-change',
        'fsmonitor-watchman',
        'pre-auto-gc',
        'post-merge',
        'sendemail-validate',
      ]) {
        writeFileSync(join(dir, '.git/hooks', name), `#!/bin/sh\n${evil()}\n`, { mode: 0o777 });
      }
    },
    'core.fsmonitor': (dir) => git(dir, 'config', 'core.fsmonitor', program()),
    'core.hooksPath': (dir) => {
      mkdirSync(join(dir, '.git/other'), { recursive: true });
      writeFileSync(join(dir, '.git/other/post-checkout'), `#!/bin/sh\n${evil()}\n`, {
        mode: 0o777,
      });
      git(dir, 'config', 'core.hooksPath', '.git/other');
    },
    'core.sshCommand and a rewritten address': (dir) => {
      git(dir, 'config', 'core.sshCommand', program());
      git(dir, 'config', 'url.ssh://x/app.insteadOf', `${jobs().server.url}group/app.git`);
    },
    'credential.helper': (dir) => git(dir, 'config', 'credential.helper', `!${evil()};`),
    'an included file': (dir) => {
      writeFileSync(join(dir, '.git/more'), `[core]\n\tfsmonitor = ${program()}\n`);
      git(dir, 'config', 'include.path', 'more');
    },
    'a filter': (dir) => {
      git(dir, 'config', 'filter.x.smudge', `${evil()}; cat`);
      mkdirSync(join(dir, '.git/info'), { recursive: true });
      writeFileSync(join(dir, '.git/info/attributes'), '* filter=x\n');
      rmSync(join(dir, 'a'));
    },
    'upload-pack of the remote': (dir) => {
      git(dir, 'config', 'remote.origin.uploadpack', program());
      git(dir, 'config', 'remote.origin.vcs', 'ext');
      git(dir, 'config', 'protocol.ext.allow', 'always');
    },
    'a config of the work tree': (dir) => {
      git(dir, 'config', 'extensions.worktreeConfig', 'true');
      writeFileSync(join(dir, '.git/config.worktree'), `[core]\n\tfsmonitor = ${program()}\n`);
    },
    'a common directory elsewhere': (dir) => {
      const other = join(jobs().place.dir, 'builds/evil');
      execFileSync('cp', ['-r', join(dir, '.git'), other]);
      git(other, 'config', 'core.fsmonitor', program());
      writeFileSync(join(dir, '.git/commondir'), `${other}\n`);
    },
    'a .git that is a file': (dir) => {
      const other = join(jobs().place.dir, 'builds/evil-file');
      execFileSync('mv', [join(dir, '.git'), other]);
      git(dir, `--git-dir=${other}`, 'config', 'core.fsmonitor', program());
      writeFileSync(join(dir, '.git'), `gitdir: ${other}\n`);
    },
    'a .git that is a link': (dir) => {
      const other = join(jobs().place.dir, 'builds/evil-link');
      execFileSync('mv', [join(dir, '.git'), other]);
      mkdirSync(join(other, 'hooks'), { recursive: true });
      writeFileSync(join(other, 'hooks/post-checkout'), `#!/bin/sh\n${evil()}\n`, { mode: 0o777 });
      symlinkSync(other, join(dir, '.git'));
    },
    'a template directory': (dir) => {
      const template = `${dir}.tmp/git-template`;
      mkdirSync(join(template, 'hooks'), { recursive: true });
      writeFileSync(join(template, 'hooks/post-checkout'), `#!/bin/sh\n${evil()}\n`, {
        mode: 0o777,
      });
      rmSync(join(dir, '.git'), { recursive: true });
    },
    'directories in the place of locks': (dir) => {
      for (const name of ['index.lock', 'config.lock', 'HEAD.lock', 'shallow.lock'])
        mkdirSync(join(dir, '.git', name));
    },
    'a config that is a directory, and links for the files of the runner': (dir) => {
      rmSync(join(dir, '.git/config'), { force: true });
      mkdirSync(join(dir, '.git/config'));
      mkdirSync(`${dir}.tmp`, { recursive: true });
      rmSync(`${dir}.tmp/.gitlab-runner.ext.conf`, { force: true });
      symlinkSync('/dev/full', `${dir}.tmp/.gitlab-runner.ext.conf`);
    },
  };
  for (const [what, plant] of Object.entries(plants)) {
    it(`are fetched without running anything that an earlier job planted: ${what}`, async () => {
      const { place, jobOf, dirOf, succeed, checkOut, hasCanary } = jobs();
      const job = jobOf({ variables: { FF_ENABLE_JOB_CLEANUP: 'true' } });
      await checkOut(job);
      plant(dirOf(job));
      await succeed(job);
      assert.equal(hasCanary(), false);
      assert.equal(readFileSync(join(dirOf(job), 'a'), 'utf8'), '3\n');
      await succeed(job);
      plant(dirOf(job));
      assert.equal((await place.run(shell, 'cleanup_file_variables', job)).exitCode, 0);
      assert.equal(hasCanary(), false);
    });
  }

  /** The place of a submodule, and of git's directory for it. */
  interface Placed {
    readonly tree: string;
    readonly kept: string;
  }
  const submodulePlants: Readonly<Record<string, (dir: string, at: Placed) => void>> = {
    'a config of its own': (dir, { tree }) =>
      git(join(dir, tree), 'config', 'core.fsmonitor', program()),
    'a config that is a link': (dir, { kept }) => {
      const config = join(dir, kept, 'config');
      writeFileSync(join(jobs().place.dir, 'evil.conf'), `[core]\n\tfsmonitor = ${program()}\n`);
      rmSync(config);
      symlinkSync(join(jobs().place.dir, 'evil.conf'), config);
    },
    'a config beside a HEAD that leads nowhere': (dir, { tree, kept }) => {
      git(join(dir, tree), 'config', 'core.fsmonitor', program());
      rmSync(join(dir, kept, 'HEAD'));
      symlinkSync('refs/heads/none', join(dir, kept, 'HEAD'));
    },
    hooks: (dir, { kept }) => {
      mkdirSync(join(dir, kept, 'hooks'), { recursive: true });
      for (const name of ['post-checkout', 'post-index-change', 'reference-transaction']) {
        writeFileSync(join(dir, kept, 'hooks', name), `#!/bin/sh\n${evil()}\n`, {
          mode: 0o777,
        });
      }
    },
    'a .git that leads elsewhere': (dir, { tree, kept }) => {
      const other = join(jobs().place.dir, 'builds/evil-sub');
      rmSync(other, { recursive: true, force: true });
      execFileSync('cp', ['-r', join(dir, kept), other]);
      const config = join(other, 'config');
      git(jobs().place.dir, 'config', '-f', config, 'core.fsmonitor', program());
      git(jobs().place.dir, 'config', '-f', config, 'core.worktree', join(dir, tree));
      writeFileSync(join(dir, tree, '.git'), `gitdir: ${other}\n`);
    },
    'a .git of its own': (dir, { tree, kept }) => {
      rmSync(join(dir, tree, '.git'), { force: true });
      execFileSync('cp', ['-r', join(dir, kept), join(dir, tree, '.git')]);
      const config = join(dir, tree, '.git/config');
      git(jobs().place.dir, 'config', '-f', config, 'core.worktree', join(dir, tree));
      git(jobs().place.dir, 'config', '-f', config, 'core.fsmonitor', program());
    },
    'a link in its place': (dir, { tree, kept }) => {
      const other = join(jobs().place.dir, 'builds/evil-tree');
      rmSync(other, { recursive: true, force: true });
      execFileSync('cp', ['-r', join(dir, tree), other]);
      rmSync(join(other, '.git'), { recursive: true, force: true });
      execFileSync('cp', ['-r', join(dir, kept), join(other, '.git')]);
      const config = join(other, '.git/config');
      git(jobs().place.dir, 'config', '-f', config, 'core.worktree', other);
      git(jobs().place.dir, 'config', '-f', config, 'core.fsmonitor', program());
      rmSync(join(dir, tree), { recursive: true });
      symlinkSync(other, join(dir, tree));
    },
    'a command to update it by': (dir, { tree }) => {
      git(join(dir, tree, '..'), 'config', `submodule.${basename(tree)}.update`, `!${evil()}`);
      git(join(dir, tree), 'commit', '-q', '--allow-empty', '-m', 'moved on');
    },
  };
  const placed: Readonly<Record<string, Placed>> = {
    normal: { tree: 'sub', kept: '.git/modules/sub' },
    recursive: { tree: 'sub/inner', kept: '.git/modules/sub/modules/inner' },
  };
  for (const [strategy, at] of Object.entries(placed)) {
    for (const [what, plant] of Object.entries(submodulePlants)) {
      it(`are fetched without running anything that was planted in ${at.tree}: ${what}`, async () => {
        const { place, jobOf, dirOf, succeed, checkOut, hasCanary } = jobs();
        const variables = { GIT_SUBMODULE_STRATEGY: strategy, FF_ENABLE_JOB_CLEANUP: 'true' };
        const job = jobOf({ path: 'group/outer', variables });
        await checkOut(job);
        plant(dirOf(job), at);
        await succeed(job);
        assert.equal(hasCanary(), false);
        const name = basename(at.tree);
        const content = readFileSync(join(dirOf(job), at.tree, name), 'utf8');
        assert.equal(content, `${name.slice(0, 1)}\n`);
        plant(dirOf(job), at);
        await place.run(shell, 'cleanup_file_variables', job);
        assert.equal(hasCanary(), false);
        // The second attempt of the next job begins by clearing what the first one has left.
        await succeed(job);
        plant(dirOf(job), at);
        await succeed(job, 2);
        assert.equal(hasCanary(), false);
      });
    }
  }

  it('are fetched without a hook that was planted for a submodule, although configs are kept', async () => {
    const { jobOf, dirOf, succeed, checkOut, hasCanary } = jobs();
    const variables = { GIT_SUBMODULE_STRATEGY: 'normal' };
    const job = jobOf({ path: 'group/outer', variables, runner: { cleansGitConfig: false } });
    await checkOut(job);
    const hooks = join(dirOf(job), '.git/modules/sub/hooks');
    mkdirSync(hooks, { recursive: true });
    writeFileSync(join(hooks, 'post-checkout'), `#!/bin/sh\n${evil()}\n`, { mode: 0o777 });
    git(
      join(dirOf(job), 'sub'),
      '-c',
      'core.hooksPath=/dev/null',
      'commit',
      '-q',
      '--allow-empty',
      '-m',
      'moved on',
    );
    await succeed(job);
    assert.equal(hasCanary(), false);
  });

  for (const [strategy, at] of Object.entries(placed)) {
    it(`are fetched anew when the git directory of ${at.tree} is a link to a planted one`, async () => {
      const { place, jobOf, dirOf, getSources, succeed, checkOut, hasCanary } = jobs();
      const variables = { GIT_SUBMODULE_STRATEGY: strategy };
      const job = jobOf({ path: 'group/outer', variables });
      await checkOut(job);
      const kept = join(dirOf(job), at.kept);
      const other = join(place.dir, 'builds/evil-kept');
      execFileSync('mv', [kept, other]);
      const config = join(other, 'config');
      git(place.dir, 'config', '-f', config, 'core.fsmonitor', program());
      git(place.dir, 'config', '-f', config, 'core.worktree', join(dirOf(job), at.tree));
      symlinkSync(other, kept);
      // The first attempt ends at the files that have lost their repository; the next clears them.
      await getSources(job);
      await succeed(job, 2);
      assert.equal(hasCanary(), false);
      const name = basename(at.tree);
      const content = readFileSync(join(dirOf(job), at.tree, name), 'utf8');
      assert.equal(content, `${name.slice(0, 1)}\n`);
    });
  }

  it('are fetched without entering a nested submodule that the strategy leaves out', async () => {
    const { server, jobOf, dirOf, succeed, hasCanary } = jobs();
    const [inner = ''] = server.addRepository('left/inner', [{ inner: 'i\n' }]);
    const [sub = ''] = server.addRepository('left/sub', [
      withSubmodule('inner', { hash: inner }, {}),
    ]);
    const [outer = ''] = server.addRepository('left/outer', [
      withSubmodule('sub', { hash: sub }, {}),
    ]);
    const jobAt = (sha: string, strategy: string) =>
      jobOf({
        path: 'left/outer',
        git: { sha },
        variables: { GIT_SUBMODULE_STRATEGY: strategy },
      });
    await succeed(jobAt(outer, 'recursive'));
    const [inner2 = ''] = server.addCommits('left/inner', [{ inner: 'i2\n' }]);
    const [sub2 = ''] = server.addCommits('left/sub', [{ [`submodule inner ${inner2}`]: '' }]);
    const [outer2 = ''] = server.addCommits('left/outer', [{ [`submodule sub ${sub2}`]: '' }]);

    const dir = dirOf(jobAt(outer2, 'normal'));
    const planted = join(jobs().place.dir, 'builds/evil-nested');
    execFileSync('cp', ['-r', join(dir, '.git/modules/sub/modules/inner'), planted]);
    const config = join(planted, 'config');
    git(jobs().place.dir, 'config', '-f', config, 'core.worktree', join(dir, 'sub/inner'));
    git(jobs().place.dir, 'config', '-f', config, 'remote.origin.url', `ssh://x/${inner2}`);
    git(jobs().place.dir, 'config', '-f', config, 'core.sshCommand', program());
    git(jobs().place.dir, 'config', '-f', config, 'core.fsmonitor', program());
    writeFileSync(join(dir, 'sub/inner/.git'), `gitdir: ${planted}\n`);
    await succeed(jobAt(outer2, 'normal'));
    assert.equal(hasCanary(), false);
    assert.equal(git(join(dir, 'sub'), 'rev-parse', 'HEAD'), sub2);
  });

  it('are fetched by programs of the helper, whatever a job sets for its own', async () => {
    const { place, jobOf, succeed, hasCanary } = jobs();
    const bin = join(place.dir, 'bin');
    mkdirSync(bin, { recursive: true });
    for (const name of ['git', 'rm', 'find', 'cat', 'mkdir', 'touch']) {
      writeFileSync(join(bin, name), `#!/bin/sh\n: >${canary()}\n`, { mode: 0o777 });
    }
    const startUp = join(place.dir, 'startup');
    writeFileSync(startUp, `: >${canary()}\n`);
    const evilHome = join(place.dir, 'evil-home');
    mkdirSync(evilHome, { recursive: true });
    writeFileSync(join(evilHome, '.gitconfig'), `[core]\n\tfsmonitor = ${program()}\n`);
    const job = jobOf({
      variables: {
        PATH: bin,
        BASH_ENV: startUp,
        ENV: startUp,
        HOME: evilHome,
        XDG_CONFIG_HOME: evilHome,
        GIT_DIR: join(place.dir, 'elsewhere'),
        GIT_WORK_TREE: '/',
        GIT_EXEC_PATH: bin,
        GIT_TEMPLATE_DIR: evilHome,
        GIT_INDEX_FILE: '/dev/null',
        LD_PRELOAD: '/nonexistent.so',
        IFS: 'aeiou/',
        PS4: `$(${evil()})`,
        SHELLOPTS: 'xtrace',
        CI_DEBUG_TRACE: 'true',
      },
    });
    const output = await succeed(job);
    await place.run(shell, 'cleanup_file_variables', job);
    assert.equal(hasCanary(), false);
    assert.doesNotMatch(output, /LD_PRELOAD/);
  });
});
