import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, it } from 'node:test';
import type { StageName } from '../../../src/domain/context/stage.ts';
import {
  describeForShells,
  openWorkplace,
  steps,
  variable,
  type Shell,
  type Workplace,
} from './support/stage-runs.ts';

const SCRIPT = ['stat -c "mode %a" "$KEY"', 'chmod 400 "$KEY"', 'echo own >"$KEY" || true'];
const STAGES: readonly StageName[] = ['get_sources', 'step_script', 'after_script'];

/** A user who may not write to a file just because it is there, as root may. */
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const;

describeForShells('file variables', 'all', (shell) => {
  let place: Workplace;
  before(() => {
    place = openWorkplace();
  });
  beforeEach(() => rmSync(join(place.dir, 'builds'), { recursive: true, force: true }));
  after(() => place.remove());

  /** A job with the variable KEY, and the place of its file. */
  const jobWith = (
    value: string,
    more: readonly unknown[] = [variable('GIT_STRATEGY', 'none')],
  ) => {
    const job = place.context({
      job: {
        steps: steps({ script: SCRIPT, after_script: ['stat -c "mode %a" "$KEY"', 'umask'] }),
        variables: [variable('KEY', value, { file: true, raw: true }), ...more],
      },
    });
    return { job, path: join(place.variablesOf(job).tempDir, 'KEY') };
  };

  const run = async (
    stage: StageName,
    job: ReturnType<typeof jobWith>['job'],
    by: Shell = shell,
  ) => {
    const { exitCode, output } = await place.run(by, stage, job);
    assert.equal(exitCode, 0, output);
    return output;
  };

  it('are for every user at first, and keep the mode that a script gives them', async () => {
    const { job, path } = jobWith('a key');
    assert.match(await run('step_script', job), /^mode 666$/m);
    assert.match(await run('after_script', job), /^mode 400\n.*\n0?022$/m);
    assert.equal(readFileSync(path, 'utf8'), 'a key');
  });

  it('get the usual mode when the flag keeps the umask', async () => {
    const flag = variable('FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR', 'true');
    const { job } = jobWith('a key', [flag]);
    assert.match(await run('step_script', job), /^mode 644$/m);
  });

  it('have the exact content in every stage that runs commands of the job', async () => {
    for (const value of ['', "\n it's $HOME \\n %s é\n\n", 'x'.repeat(2_000_000)]) {
      for (const stage of STAGES) {
        const { job, path } = jobWith(value);
        rmSync(path, { force: true });
        await run(stage, job);
        if (stage !== 'step_script') assert.equal(readFileSync(path, 'utf8'), value, stage);
      }
    }
  });

  it('are not written by the clean-up, which runs none', async () => {
    const { job, path } = jobWith('a key');
    await run('cleanup_file_variables', job);
    assert.equal(existsSync(path), false);
  });

  const planted: readonly [what: string, plant: (path: string, target: string) => void][] = [
    ['a link', (path, target) => symlinkSync(target, path)],
    ['a link to nothing', (path, target) => symlinkSync(`${target}.none`, path)],
    ['a directory', (path) => mkdirSync(join(path, 'full'), { recursive: true })],
    ['a pipe', (path) => execFileSync('mkfifo', [path])],
  ];
  for (const [what, plant] of planted) {
    it(`replace ${what} that an earlier job has left in their place`, async () => {
      const { job, path } = jobWith('a key');
      const target = join(mkdtempSync(join(place.dir, 'outside-')), 'target');
      writeFileSync(target, 'untouched');
      mkdirSync(join(path, '..'), { recursive: true });
      plant(path, target);
      await run('get_sources', job);
      assert.ok(lstatSync(path).isFile());
      assert.equal(readFileSync(path, 'utf8'), 'a key');
      assert.equal(readFileSync(target, 'utf8'), 'untouched');
      assert.equal(existsSync(`${target}.none`), false);
    });
  }

  it('are written by a user without rights over files, who may have made one read-only', async () => {
    const isRoot = process.getuid?.() === 0;
    const nobody = isRoot ? { ...shell, argv: [...AS_NOBODY, ...shell.argv] as const } : shell;
    for (const dir of [place.dir, place.home]) chmodSync(dir, 0o777);
    for (const file of [place.outputPath, place.statePath]) {
      writeFileSync(file, '');
      chmodSync(file, 0o666);
    }
    const { job, path } = jobWith('a key');
    for (const dir of [place.variablesOf(job).projectDir, join(path, '..')]) {
      mkdirSync(dir, { recursive: true });
      chmodSync(dir, 0o777);
    }
    writeFileSync(path, 'of an earlier job');
    chmodSync(path, isRoot ? 0o600 : 0o666);
    assert.match(await run('step_script', job, nobody), /^mode 666$/m);
    assert.match(await run('after_script', job, nobody), /^mode 400$/m);
    assert.equal(readFileSync(path, 'utf8'), 'a key');
    assert.equal(statSync(path).uid, isRoot ? 65_534 : process.getuid?.());
  });

  it('show their content in no log when CI_DEBUG_TRACE is on', async () => {
    const { job } = jobWith('canary-4417', [
      variable('CI_DEBUG_TRACE', 'true'),
      variable('GIT_STRATEGY', 'none'),
    ]);
    for (const stage of STAGES) {
      const output = await run(stage, job);
      assert.match(output, /^\++ export /m);
      assert.doesNotMatch(output, /canary/);
    }
  });
});
