import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import * as nodeModule from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { CLI } from '../../support/command.ts';

const execute = promisify(execFile);
const CAN_KEEP = 'enableCompileCache' in nodeModule;

async function openHome(t: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'tgr-compiled-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  return home;
}

/** Starts the program with this cache home and returns what it printed. */
async function start(cacheHome: string): Promise<string> {
  const env = { ...process.env, XDG_CACHE_HOME: cacheHome };
  const { stdout } = await execute(process.execPath, [CLI, '--version'], { env });
  return stdout;
}

async function keptIn(directory: string): Promise<number> {
  const found = await readdir(directory, { recursive: true }).catch(() => []);
  return found.length;
}

describe('the compiled program', () => {
  it(`is ${CAN_KEEP ? '' : 'not '}kept by this Node (22.1 and later can)`, async (t) => {
    const home = await openHome(t);
    assert.match(await start(home), /Version/);
    const kept = await keptIn(join(home, 'temporal-gitlab-runner', 'compiled'));
    assert.equal(kept > 0, CAN_KEEP);
  });

  it('is not kept where other users may write, and the program starts as usual', async (t) => {
    const home = await openHome(t);
    const directory = join(home, 'temporal-gitlab-runner', 'compiled');
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o777);
    assert.match(await start(home), /Version/);
    assert.equal(await keptIn(directory), 0);
  });

  it('is not kept where no directory can be made, and the program starts as usual', async (t) => {
    const file = join(await openHome(t), 'file');
    await writeFile(file, '');
    assert.match(await start(file), /Version/);
  });
});
