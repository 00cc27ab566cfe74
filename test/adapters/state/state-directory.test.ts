import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { describeProcess } from '../../../src/adapters/state/process-identity.ts';
import { openStateDirectory } from '../../../src/adapters/state/state-directory.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import { recordingLog } from '../../support/recording-log.ts';

const ENV_NAME = 'TEMPORAL_GITLAB_RUNNER_STATE_DIR';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-state-'));
});
after(() => rm(directory, { recursive: true, force: true }));

async function setUp() {
  const base = await mkdtemp(join(directory, 'case-'));
  const path = join(base, 'state');
  const { log } = recordingLog();
  return {
    path,
    options: { configPath: join(base, 'config.toml'), env: { [ENV_NAME]: path }, log },
  };
}

/** A lock of a process that has ended, and the claim of another one to replace it. */
async function claimedBy(claimant: string) {
  const { path, options } = await setUp();
  const stale = '999999999 gone x\n';
  const digest = createHash('sha256').update(stale).digest('hex');
  await mkdir(path);
  await writeFile(join(path, 'lock'), stale);
  await writeFile(join(path, `lock.claim-${digest}`), claimant);
  return { path, options };
}

describe('openStateDirectory', () => {
  it('creates its directories so that nobody else can read them', async () => {
    const { path, options } = await setUp();
    const state = await openStateDirectory(options);
    const { buildsDir, keyRingFile, temporalDir } = state;
    assert.deepEqual(
      [buildsDir, keyRingFile, temporalDir],
      [join(path, 'builds'), join(path, 'keys', 'payload.json'), join(path, 'temporal')],
    );
    for (const made of [path, buildsDir, dirname(keyRingFile), temporalDir]) {
      assert.equal((await stat(made)).mode & 0o777, 0o700, made);
    }
    await state.release();
  });

  it('is beside the config file unless the environment names another place', async () => {
    const { options } = await setUp();
    const state = await openStateDirectory({ ...options, env: { [ENV_NAME]: '' } });
    const expected = join(options.configPath, '..', 'temporal-gitlab-runner', 'builds');
    assert.equal(state.buildsDir, expected);
    await state.release();
  });

  it('closes a directory that other users could read', async () => {
    const { path, options } = await setUp();
    await mkdir(path);
    await chmod(path, 0o777);
    const state = await openStateDirectory(options);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    await state.release();
  });

  it('refuses a second process while it is in use, and names the first', async () => {
    const { options } = await setUp();
    const state = await openStateDirectory(options);
    await assert.rejects(openStateDirectory(options), {
      type: FailureType.RunnerSystem,
      message: new RegExp(`in use by process ${process.pid}: stop it first`),
    });
    await state.release();
    await state.release();
    await (await openStateDirectory(options)).release();
  });

  it('lets in one of many processes that come at the same moment', async () => {
    const { path, options } = await setUp();
    await mkdir(path);
    await writeFile(join(path, 'lock'), '999999999 gone x\n');
    const tries = await Promise.allSettled(
      Array.from({ length: 10 }, () => openStateDirectory(options)),
    );
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
    const left = (await readdir(path)).filter((name) => name.startsWith('lock'));
    assert.deepEqual(left, ['lock'], 'no drafts left behind');
  });

  it('lets in one of many that take over the same lock, however often they try', async () => {
    for (let round = 0; round < 100; round += 1) {
      const { path, options } = await setUp();
      await mkdir(path);
      await writeFile(join(path, 'lock'), '999999999 gone x\n');
      const tries = await Promise.allSettled(
        Array.from({ length: 10 }, () => openStateDirectory(options)),
      );
      const owners = tries.filter(({ status }) => status === 'fulfilled').length;
      assert.equal(owners, 1, `round ${round}`);
    }
  });

  it('follows a process that was killed while it took over a lock', async () => {
    const { path, options } = await claimedBy('999999999 gone y\n');
    const state = await openStateDirectory(options);
    const left = (await readdir(path)).filter((name) => name.startsWith('lock'));
    assert.deepEqual(left, ['lock'], 'no claims left behind');
    await state.release();
  });

  it('waits for no process that takes over a lock: it counts as the owner', async () => {
    const identity = await describeProcess(process.pid);
    const { options } = await claimedBy(`${process.pid} ${identity} y\n`);
    await assert.rejects(openStateDirectory(options), {
      message: new RegExp(`in use by process ${process.pid}`),
    });
  });

  it('takes over the lock of a process that was killed', async () => {
    const { path, options } = await setUp();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    await mkdir(path);
    await writeFile(join(path, 'lock'), `${pid} ${await describeProcess(pid)} x\n`);
    await assert.rejects(openStateDirectory(options), { message: new RegExp(`process ${pid}`) });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const state = await openStateDirectory(options);
    await state.release();
  });

  const stale: readonly [content: string, why: string][] = [
    [`${process.pid} another-boot:1 x`, 'the pid is that of another process by now'],
    ['999999999 gone x', 'no such process'],
    ['', 'nothing in it'],
    ['rubbish', 'not a lock'],
    ['-1 x y', 'no pid: must not be taken for a group of processes'],
  ];
  for (const [content, why] of stale) {
    it(`takes over a stale lock: ${why}`, async () => {
      const { path, options } = await setUp();
      await mkdir(path);
      await writeFile(join(path, 'lock'), content);
      const state = await openStateDirectory(options);
      assert.match(await readFile(join(path, 'lock'), 'utf8'), new RegExp(`^${process.pid} `));
      await state.release();
    });
  }

  it('leaves a lock alone that another process has taken meanwhile', async () => {
    const { path, options } = await setUp();
    const state = await openStateDirectory(options);
    await writeFile(join(path, 'lock'), 'of somebody else');
    await state.release();
    assert.equal(await readFile(join(path, 'lock'), 'utf8'), 'of somebody else');
  });

  it('tells what is wrong with an unusable place, and how to name another', async () => {
    const { path, options } = await setUp();
    await writeFile(path, 'a file');
    await assert.rejects(openStateDirectory(options), {
      type: FailureType.RunnerSystem,
      message: new RegExp(`state directory ${path} cannot be used: .*; ${ENV_NAME} names another`),
    });
  });
});
