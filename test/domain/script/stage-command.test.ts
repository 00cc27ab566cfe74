import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { STAGE_MOUNTS } from '../../../src/domain/script/stage-mounts.ts';
import {
  buildCommand,
  helperCommand,
  stdinLoader,
} from '../../../src/domain/script/stage-command.ts';

/** Paths of an image, each with the content before it. */
const IN_ROOT = /(?<=[\s<])\/(?:usr|bin|busybox|\.temporal)[\w/.-]*/g;

describe('the command of a container', () => {
  const root = mkdtempSync(join(tmpdir(), 'tgr-command-'));
  after(() => rmSync(root, { recursive: true, force: true }));

  /** An image with these shells. Each prints its own name and its arguments. */
  const run = (command: readonly string[], shells: readonly string[], env = {}): string => {
    rmSync(root, { recursive: true, force: true });
    mkdirSync(join(root, dirname(STAGE_MOUNTS.script)), { recursive: true });
    writeFileSync(join(root, STAGE_MOUNTS.script), 'the-script');
    for (const shell of shells) {
      mkdirSync(dirname(join(root, shell)), { recursive: true });
      const said = `#!/bin/sh\necho "${shell} $* $(cat) $(umask) [$BASH_ENV$ENV]"\n`;
      writeFileSync(join(root, shell), said, { mode: 0o755 });
    }
    const [program = '', flag = '', script = ''] = command;
    const inRoot = script.replaceAll(IN_ROOT, `${root}$&`);
    const options = { encoding: 'utf8', env: { PATH: process.env['PATH'], ...env } } as const;
    try {
      return execFileSync(program, [flag, inRoot], { ...options, stdio: 'pipe' }).trim();
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: string };
      return `${status} ${stderr.trim()}`;
    }
  };

  const images: readonly [shells: readonly string[], taken: string][] = [
    [['/usr/local/bin/bash', '/bin/bash', '/bin/sh'], '/usr/local/bin/bash'],
    [['/usr/bin/bash', '/bin/bash', '/usr/local/bin/sh'], '/usr/bin/bash'],
    [['/bin/bash', '/usr/local/bin/sh', '/bin/sh'], '/bin/bash'],
    [['/usr/local/bin/sh', '/usr/bin/sh'], '/usr/local/bin/sh'],
    [['/usr/bin/sh', '/bin/sh'], '/usr/bin/sh'],
    [['/bin/sh', '/busybox/sh'], '/bin/sh'],
    [['/busybox/sh'], '/busybox/sh'],
  ];
  for (const [shells, taken] of images) {
    it(`uses ${taken} when the image has ${shells.join(', ')}`, () => {
      assert.equal(run(buildCommand(), shells).split(' ')[0], taken);
    });
  }

  it('gives the shell the script of the stage on its stdin, and no argument', () => {
    assert.match(run(buildCommand(), ['/bin/sh']), /^\/bin\/sh  the-script \d+/);
  });

  it('is the same when a shell reads it from the container’s stdin', () => {
    const loader = ['sh', '-c', stdinLoader()];
    assert.match(run(loader, ['/bin/bash', '/bin/sh']), /^\/bin\/bash  the-script \d+/);
  });

  it('skips a shell that cannot be run', () => {
    const command = [...buildCommand()];
    const [program = 'sh', flag = '-c', script = ''] = command;
    run(command, ['/bin/bash', '/bin/sh']);
    chmodSync(join(root, '/bin/bash'), 0o644);
    const inRoot = script.replaceAll(IN_ROOT, `${root}$&`);
    assert.match(execFileSync(program, [flag, inRoot], { encoding: 'utf8' }), /^\/bin\/sh /);
  });

  it('tells when the image has no shell that it knows', () => {
    assert.equal(run(buildCommand(), []), '1 shell not found');
  });

  it('leaves umask and start-up files to the job’s image', () => {
    assert.match(run(buildCommand(), ['/bin/sh'], { BASH_ENV: 'x' }), / 00[0-7][1-7] \[x\]$/);
  });

  it('lets the helper write files for everybody, and read no start-up file', () => {
    assert.match(
      run(helperCommand({ hasUmask: false }), ['/bin/sh'], { BASH_ENV: 'x', ENV: 'y' }),
      / 0000 \[\]$/,
    );
  });
});
