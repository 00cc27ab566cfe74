import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { openDirectories } from '../../../src/domain/script/open-directories.ts';
import { STAGE_MOUNTS } from '../../../src/domain/script/stage-mounts.ts';
import { describeForShells } from './support/stage-runs.ts';

describeForShells('directories that a container opens for every user', 'all', (shell) => {
  let dir: string;
  let paths: readonly string[];
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'tgr-open-'));
    paths = [join(dir, 'builds'), join(dir, 'builds', "it's"), join(dir, 'builds', "it's", 'app')];
    for (const name of ['state', 'output']) writeFileSync(join(dir, name), '');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const run = (): string => {
    const lines = [...openDirectories(paths), 'echo "${_runner_directory-gone}"'].join('\n');
    const [program, ...args] = shell.argv;
    const script = lines
      .replaceAll(STAGE_MOUNTS.state, join(dir, 'state'))
      .replaceAll(STAGE_MOUNTS.output, join(dir, 'output'));
    return execFileSync(program, [...args, '-c', script], { encoding: 'utf8', stdio: 'pipe' });
  };
  const modes = (): readonly number[] => paths.map((path) => statSync(path).mode & 0o777);

  it('are created, or get their mode', () => {
    mkdirSync(paths[0] ?? '', { mode: 0o700 });
    assert.equal(run(), 'gone\n');
    assert.deepEqual(modes(), [0o777, 0o777, 0o777]);
  });

  it('keep the mode that a stage has given them', () => {
    run();
    execFileSync('chmod', ['0700', paths[2] ?? '']);
    writeFileSync(join(dir, 'state'), 'nonce begun 17\n');
    run();
    assert.deepEqual(modes(), [0o777, 0o777, 0o700]);
  });

  it('keep it also at the start for a later stage, before which the state is emptied', () => {
    run();
    const elsewhere = join(dir, 'elsewhere');
    rmSync(paths[2] ?? '', { recursive: true });
    symlinkSync(elsewhere, paths[2] ?? '');
    execFileSync('chmod', ['0700', paths[1] ?? '']);
    writeFileSync(join(dir, 'output'), '$ chmod 0700 .\n');
    run();
    assert.equal(statSync(paths[1] ?? '').mode & 0o777, 0o700);
    assert.ok(lstatSync(paths[2] ?? '').isSymbolicLink());
  });

  it('keep it also when the node has dropped the output, which leaves one byte', () => {
    run();
    execFileSync('chmod', ['0700', paths[1] ?? '']);
    writeFileSync(join(dir, 'output'), '\0');
    run();
    assert.equal(statSync(paths[1] ?? '').mode & 0o777, 0o700);
  });

  it('replace links and files that an earlier job has left in their place', () => {
    const elsewhere = join(dir, 'elsewhere');
    mkdirSync(elsewhere, { mode: 0o700 });
    mkdirSync(paths[0] ?? '');
    symlinkSync(elsewhere, paths[1] ?? '');
    run();
    assert.ok(lstatSync(paths[1] ?? '').isDirectory());
    assert.equal(statSync(elsewhere).mode & 0o777, 0o700);
    assert.ok(!existsSync(join(elsewhere, 'app')));
    rmSync(paths[2] ?? '', { recursive: true });
    writeFileSync(paths[2] ?? '', 'a file');
    run();
    assert.deepEqual(modes(), [0o777, 0o777, 0o777]);
  });

  it('are left to the script that needs them where they cannot be created', () => {
    paths = ['/proc/no-such-place/builds'];
    assert.equal(run(), 'gone\n');
  });
});
