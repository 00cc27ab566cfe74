import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import type { StageName } from '../../../src/domain/context/stage.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { fileLists, needsFileLists, parseFileList } from '../../../src/domain/script/list-files.ts';
import { contextOf } from '../job/context-fixture.ts';
import { useGitJobs, type Wish } from './support/git-job.ts';
import { git } from './support/git-server.ts';
import { describeForShells, hasProgram, plain } from './support/stage-runs.ts';

const UPLOAD: StageName = 'upload_artifacts_on_success';

function artifacts(...wishes: readonly Readonly<Record<string, unknown>>[]): Wish {
  return { more: { artifacts: wishes } };
}

describeForShells('files listed for artifacts and caches', 'all', (shell) => {
  const jobs = useGitJobs(shell);

  async function list(job: BuildContext, stage = UPLOAD, path?: string) {
    const run = await jobs().place.run(
      shell,
      stage,
      job,
      path === undefined ? {} : { env: { PATH: path } },
    );
    const lists = fileLists(jobs().place.variablesOf(job));
    const read = (file: string): readonly string[] | undefined =>
      existsSync(file) ? [...parseFileList(readFileSync(file))].sort() : undefined;
    return {
      exitCode: run.exitCode,
      output: plain(run.output + run.containerLog),
      found: read(lists.found),
      untracked: read(lists.untracked),
    };
  }

  function write(job: BuildContext, ...names: readonly string[]): void {
    for (const name of names) {
      const path = join(jobs().dirOf(job), name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, name);
    }
  }

  it('are those that git does not track, including ignored ones', async () => {
    const job = jobs().jobOf(artifacts({ untracked: true }));
    await jobs().succeed(job);
    const odd = 'odd/ä "quoted"\n$HOME\\x';
    write(job, 'new', 'ignored.log', '.gitignore', 'd/more', odd, '-x', '.hidden/y');
    writeFileSync(join(jobs().dirOf(job), '.gitignore'), '*.log\n');
    assert.deepEqual(await list(job), {
      exitCode: 0,
      output: '',
      found: undefined,
      untracked: ['-x', '.gitignore', '.hidden/y', 'd/more', 'ignored.log', 'new', odd].sort(),
    });
  });

  it('are all files when nothing is tracked yet', async () => {
    const job = jobs().jobOf(artifacts({ untracked: true }));
    write(job, 'a', 'b');
    execFileSync('git', ['init', '-q', jobs().dirOf(job)]);
    assert.deepEqual((await list(job)).untracked, ['a', 'b']);
  });

  it('are none, with a warning, without a repository', async () => {
    const job = jobs().jobOf(artifacts({ untracked: true }));
    write(job, 'a');
    const { exitCode, output, untracked } = await list(job);
    assert.equal(untracked, undefined);
    assert.equal(exitCode, 0);
    assert.match(output, /^WARNING: untracked: .* is not a git repository$/m);
  });

  it('are none, with a warning, when the index cannot be read', async () => {
    const job = jobs().jobOf(artifacts({ untracked: true }));
    await jobs().succeed(job);
    writeFileSync(join(jobs().dirOf(job), '.git/index'), 'no index');
    const { exitCode, output, untracked } = await list(job);
    assert.equal(untracked, undefined);
    assert.equal(exitCode, 0);
    assert.match(output, /^WARNING: untracked: git could not list the files$/m);
  });

  it('are none when the index is not a regular file, because a pipe could block for ever', async () => {
    const job = jobs().jobOf(artifacts({ untracked: true }));
    await jobs().succeed(job);
    const index = join(jobs().dirOf(job), '.git/index');
    rmSync(index);
    execFileSync('mkfifo', [index]);
    assert.equal((await list(job)).untracked, undefined);
    rmSync(index);
    symlinkSync('/dev/zero', index);
    assert.equal((await list(job)).untracked, undefined);
  });

  it('are none, silently, without a project directory', async () => {
    const job = jobs().jobOf(artifacts({ paths: ['*.o'], untracked: true }));
    assert.deepEqual(await list(job), {
      ...{ exitCode: 0, output: '', found: undefined, untracked: undefined },
    });
  });

  it('are those below the roots of patterns that match few of many files', async () => {
    const job = jobs().jobOf(
      artifacts(
        { paths: ['whole/'] },
        { paths: ['out/*.o'] },
        { paths: ["it's \\[x]/**/y", 'absent/*.o'] },
      ),
    );
    write(job, 'out/a.o', 'out/b.c', 'out/-d/.e', 'whole/x', "it's [x]/a/y", 'other');
    const out = join(jobs().dirOf(job), 'out');
    symlinkSync('/', join(out, 'link'));
    execFileSync('mkfifo', [join(out, 'pipe')]);
    const expected = ['out', 'out/-d', 'out/-d/.e', 'out/a.o', 'out/b.c', 'out/link'];
    assert.deepEqual(await list(job), {
      exitCode: 0,
      output: '',
      found: [...expected, ...["it's [x]", "it's [x]/a", "it's [x]/a/y"]].sort(),
      untracked: undefined,
    });
  });

  it(
    'are also found by the find of busybox',
    { skip: hasProgram('busybox') ? false : 'needs busybox' },
    async () => {
      const job = jobs().jobOf(artifacts({ paths: ['**/*.o'] }));
      write(job, 'a b/c.o', 'd\ne');
      const bin = join(jobs().place.dir, 'busybox-bin');
      mkdirSync(bin, { recursive: true });
      for (const name of ['find', 'mkdir', 'rm', 'cat', 'sleep']) {
        rmSync(join(bin, name), { force: true });
        symlinkSync(
          execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim(),
          join(bin, name),
        );
      }
      const path = `${bin}:${process.env['PATH'] ?? ''}`;
      assert.deepEqual((await list(job, UPLOAD, path)).found, ['a b', 'a b/c.o', 'd\ne']);
    },
  );

  it('are those of the caches for a cache, with variables in the paths', async () => {
    const job = jobs().jobOf({
      variables: { NAME: 'deps' },
      more: {
        cache: [{ key: 'k', paths: ['${NAME}/*.jar'] }],
        artifacts: [{ paths: ['other/*.o'], untracked: true }],
      },
    });
    write(job, 'deps/a.jar', 'other/b.o');
    const { found, untracked } = await list(job, 'archive_cache');
    assert.deepEqual(found, ['deps', 'deps/a.jar']);
    assert.equal(untracked, undefined);
  });

  it('replace files that an earlier stage or the job left in their place', async () => {
    const job = jobs().jobOf(artifacts({ paths: ['*.o'] }));
    write(job, 'a.o');
    const { found, untracked } = fileLists(jobs().place.variablesOf(job));
    const target = join(jobs().place.dir, 'precious');
    writeFileSync(target, 'precious');
    mkdirSync(dirname(found), { recursive: true });
    symlinkSync(target, found);
    mkdirSync(untracked);
    assert.deepEqual((await list(job)).found, ['a.o']);
    assert.equal(readFileSync(target, 'utf8'), 'precious');
    assert.equal(existsSync(untracked), false);
  });

  it('are listed without running anything that the job has planted', async () => {
    const { place, jobOf, dirOf, succeed, canaryPath, hasCanary } = jobs();
    const program = join(place.dir, 'evil.sh');
    writeFileSync(program, `#!/bin/sh\n: >${canaryPath}\n`, { mode: 0o777 });
    const job = jobOf({
      ...artifacts({ untracked: true, paths: ['**/*.o'] }),
      variables: { GIT_EXTERNAL_DIFF: program, PATH: place.dir, GIT_DIR: '/nowhere' },
    });
    await succeed(job);
    const dir = dirOf(job);
    git(dir, 'config', 'core.fsmonitor', program);
    git(dir, 'config', 'core.hooksPath', place.dir);
    git(dir, 'config', 'core.worktree', '/');
    git(dir, 'config', 'filter.x.clean', program);
    mkdirSync(join(dir, '.git/info'), { recursive: true });
    writeFileSync(join(dir, '.git/info/attributes'), '* filter=x\n');
    writeFileSync(join(dir, '.git/config.worktree'), `[core]\n\tfsmonitor = ${program}\n`);
    writeFileSync(join(dir, '.git/commondir'), place.dir);
    for (const name of ['post-index-change', 'fsmonitor-watchman']) {
      mkdirSync(join(dir, '.git/hooks'), { recursive: true });
      writeFileSync(join(dir, '.git/hooks', name), `#!/bin/sh\n: >${canaryPath}\n`, {
        mode: 0o777,
      });
    }
    write(job, 'new', 'a');
    assert.deepEqual((await list(job)).untracked, ['new']);
    assert.equal(hasCanary(), false);
  });
});

describe('needsFileLists', () => {
  const cases: [stage: StageName, job: object, expected: boolean, why: string][] = [
    [UPLOAD, {}, false, 'no artifacts'],
    [UPLOAD, { artifacts: [{ paths: ['dist/', 'a.txt'] }] }, false, 'all of the roots is taken'],
    [UPLOAD, { artifacts: [{ paths: ['dist/'] }, { paths: ['*.txt'] }] }, true, 'a few of many'],
    [UPLOAD, { artifacts: [{ untracked: true }] }, true, 'git must be asked'],
    ['archive_cache', { artifacts: [{ paths: ['*.txt'] }] }, false, 'artifacts are no cache'],
    ['archive_cache', { cache: [{ key: 'k', paths: ['*.txt'] }] }, true, 'a cache'],
    ['restore_cache', { cache: [{ key: 'k', paths: ['*.txt'] }] }, false, 'nothing to choose'],
  ];
  for (const [stage, job, expected, why] of cases) {
    it(`is ${expected} for ${stage} of ${JSON.stringify(job)}: ${why}`, () => {
      const context = contextOf({ job: { ...job } });
      const variables = buildVariables(context, { jobStatus: 'success' });
      assert.equal(needsFileLists({ context, variables }, stage), expected);
    });
  }
});

describe('parseFileList', () => {
  it('reads names of any bytes', () => {
    const bytes = Buffer.concat([
      Buffer.from('./a\0.\0b/\n\0./é\0\ufeffx\0'),
      Buffer.from([0xff, 0]),
    ]);
    assert.deepEqual(parseFileList(bytes), ['a', 'b/\n', 'é', '\ufeffx', '\udcff']);
    assert.deepEqual(parseFileList(Buffer.alloc(0)), []);
  });
});
