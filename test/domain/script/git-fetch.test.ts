import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import { useGitJobs, type Wish } from './support/git-job.ts';
import { git } from './support/git-server.ts';
import { describeForShells, plain } from './support/stage-runs.ts';

const CLONE = { GIT_STRATEGY: 'clone', FF_USE_GIT_NATIVE_CLONE: 'true' };
const TRUSTS = /safe\.?directory/i;

describeForShells('how sources are fetched', ['bash', 'dash'], (shell) => {
  const jobs = useGitJobs(shell);

  /** Fetches the sources with a git that reports this version. */
  async function getBy(version: string, wish: Wish): Promise<{ job: BuildContext; said: string }> {
    const { place, jobOf } = jobs();
    const programs = join(place.dir, 'programs');
    mkdirSync(programs, { recursive: true });
    const real = '$(PATH=$TEST_PATH command -v git)';
    const stub = `#!/bin/sh\nif [ "$1" = version ]; then echo "git version ${version}"; exit; fi\nexec "${real}" "$@"\n`;
    writeFileSync(join(programs, 'git'), stub);
    chmodSync(join(programs, 'git'), 0o755);
    const path = process.env['PATH'] ?? '';
    const job = jobOf(wish);
    const env = { PATH: `${programs}:${path}`, TEST_PATH: path };
    const run = await place.run(shell, 'get_sources', job, { env });
    assert.equal(run.exitCode, 0, run.output + run.containerLog);
    return { job, said: plain(run.output) };
  }

  const versions: readonly (readonly [version: string, how: 'clone' | 'fetch'])[] = [
    ['2.49.0', 'clone'],
    ['2.49.0.windows.1', 'clone'],
    ['2.100.1 (Apple Git-1)', 'clone'],
    ['3.0.0', 'clone'],
    ['2.48.9', 'fetch'],
    ['2.9.50', 'fetch'],
  ];
  for (const [version, how] of versions) {
    it(`git ${version} makes them by ${how}, when the flag is set`, async () => {
      const { job, said } = await getBy(version, { variables: CLONE });
      assert.match(said, how === 'clone' ? /^Cloning repository for main\.\.\.$/m : /^Fetching/m);
      assert.equal(git(jobs().dirOf(job), 'rev-list', '--count', 'HEAD'), '3');
      assert.equal(existsSync(join(jobs().dirOf(job), 'd/b')), true);
    });
  }

  for (const [flag, expected] of [
    ['true', 'true'],
    ['false', ''],
  ] as const) {
    it(`FF_USE_GIT_BUNDLE_URIS=${flag} decides whether git may begin with bundles that the server names`, async () => {
      const { jobOf, dirOf, succeed } = jobs();
      const job = jobOf({ variables: { FF_USE_GIT_BUNDLE_URIS: flag } });
      await succeed(job);
      const told = git(dirOf(job), 'config', '--default', '', '--get', 'transfer.bundleURI');
      assert.equal(told, expected);
    });
  }

  it('a clone uses the depth and the flags of the job, and origin contains no token', async () => {
    const { job, said } = await getBy('2.49.0', {
      git: { depth: 1 },
      variables: { ...CLONE, GIT_CLONE_EXTRA_FLAGS: '--no-tags' },
    });
    const dir = jobs().dirOf(job);
    assert.match(said, /^Cloning repository for main with git depth set to 1\.\.\.$/m);
    assert.equal(git(dir, 'rev-list', '--count', 'HEAD'), '1');
    assert.equal(git(dir, 'config', 'remote.origin.tagOpt'), '--no-tags');
    assert.match(git(dir, 'config', 'remote.origin.url'), /^http:\/\/127\.0\.0\.1:\d+\/group/);
  });

  it('are fetched as usual without the flag, or with strategy fetch', async () => {
    for (const variables of [{ GIT_STRATEGY: 'clone' }, { ...CLONE, GIT_STRATEGY: 'fetch' }]) {
      assert.match((await getBy('2.49.0', { variables })).said, /^Fetching changes/m);
    }
  });

  it('are in a directory that git trusts, unless the configuration forbids it', async () => {
    const { place, jobOf, succeed } = jobs();
    const settings = join(place.home, '.gitconfig');
    await succeed(jobOf({ runner: { isDirectoryDistrusted: true } }));
    assert.doesNotMatch(existsSync(settings) ? readFileSync(settings, 'utf8') : '', TRUSTS);
    await succeed(jobOf());
    assert.match(readFileSync(settings, 'utf8'), /\[safe\]/);
  });

  it('keep git’s config only when the configuration asks for it, and still find the token', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const kept = jobOf({ runner: { cleansGitConfig: false } });
    await succeed(kept);
    const dir = dirOf(kept);
    git(dir, 'config', 'test.word', 'kept');
    await succeed(kept);
    assert.equal(git(dir, 'config', 'test.word'), 'kept');
    assert.equal(git(dir, 'config', '--get-all', 'include.path').split('\n').length, 1);
    await succeed(jobOf());
    assert.throws(() => git(dir, 'config', 'test.word'));
  });

  it('are cleaned up after a job with its own sources only when the configuration asks for it', async () => {
    const { place, jobOf, dirOf, succeed } = jobs();
    await succeed(jobOf());
    for (const [cleansGitConfig, isThere] of [
      [undefined, true],
      [true, false],
    ] as const) {
      const job = jobOf({ runner: { cleansGitConfig }, variables: { GIT_STRATEGY: 'none' } });
      const run = await place.run(shell, 'cleanup_file_variables', job);
      assert.equal(run.exitCode, 0, run.output);
      assert.equal(existsSync(join(dirOf(job), '.git/config')), isThere);
    }
  });
});
