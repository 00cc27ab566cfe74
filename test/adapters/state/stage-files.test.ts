import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { constants, writeFileSync } from 'node:fs';
import { chmod, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { describe, it, mock } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { wakeContainer } from '../../../src/adapters/state/wake-pipe.ts';
import { draftOf, setUp, setUpStores } from './open-store.ts';

setUpStores();

describe('files of a stage', () => {
  it('are the same each time, with the modes that a job may have changed', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const files = await store.stageFiles(buildId, 'build');
    await writeFile(files.output, 'said');
    await chmod(files.output, 0o600);
    assert.deepEqual(await store.stageFiles(buildId, 'build'), files);
    assert.equal((await stat(files.output)).mode & 0o777, 0o666);
    assert.equal(await readFile(files.output, 'utf8'), 'said');
  });

  it('are made again when somebody has deleted some of them', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const files = await store.stageFiles(buildId, 'build');
    await rm(files.state);
    await store.stageFiles(buildId, 'build');
    assert.equal((await stat(files.state)).mode & 0o777, 0o666);
    await rm(store.directory(buildId), { recursive: true });
    await store.writeScript(buildId, 'build', { text: 'true', nonce: 'n' });
    assert.equal(await readFile(files.script, 'utf8'), 'true');
    assert.equal((await stat(files.script)).mode & 0o777, 0o644);
  });

  it('can be written by any user of a container, except the script', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const before = process.umask(0o077);
    try {
      const { script, output, state } = await store.stageFiles(buildId, 'build');
      const mode = async (file: string) => (await stat(file)).mode & 0o777;
      assert.deepEqual(
        [await mode(script), await mode(output), await mode(state)],
        [0o644, 0o666, 0o666],
      );
    } finally {
      process.umask(before);
    }
  });

  it('keep their inodes, which containers have mounted', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const { script, output } = await store.stageFiles(buildId, 'build');
    await writeFile(output, 'output of the job');
    const { ino } = await stat(script);
    await store.writeScript(buildId, 'build', { text: 'echo a long one', nonce: 'a' });
    await store.writeScript(buildId, 'build', { text: 'echo', nonce: 'b' });
    assert.equal((await stat(script)).ino, ino);
    assert.equal(await readFile(script, 'utf8'), 'echo');
    await store.stageFiles(buildId, 'build');
    assert.equal(await readFile(output, 'utf8'), 'output of the job');
  });

  it('return the state that the wrapper wrote, and nothing from before', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    assert.equal(await store.readState(buildId, 'helper'), '');
    const { state } = await store.stageFiles(buildId, 'helper');
    await writeFile(state, 'nonce 3');
    assert.equal(await store.readState(buildId, 'helper'), 'nonce 3');
  });

  it('are read only up to the size of a state, because a job may write any amount', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const { state } = await store.stageFiles(buildId, 'build');
    await writeFile(state, 'nonce 0 ');
    await truncate(state, 2 ** 40); // The file is sparse.
    assert.equal((await store.readState(buildId, 'build')).length, 256);
    const signal = AbortSignal.timeout(5_000);
    await store.whenBegun(buildId, 'build', { nonce: 'nonce', signal });
    assert.ok(!signal.aborted);
  });

  it('tell when a stage has begun, and ignore the nonce of another', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const { state } = await store.stageFiles(buildId, 'build');
    await writeFile(state, 'other 0');
    let hasBegun = false;
    const { signal } = new AbortController();
    const begun = store.whenBegun(buildId, 'build', { nonce: 'mine', signal }).then(() => {
      hasBegun = true;
    });
    await new Promise(setImmediate);
    assert.equal(hasBegun, false);
    await writeFile(state, 'mine');
    await begun;
  });

  it('tell when a stage is over, and not while a process of it is left', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const { state } = await store.stageFiles(buildId, 'helper');
    await writeFile(state, 'mine 0\n');
    let isOver = false;
    const { signal } = new AbortController();
    const over = store.whenOver(buildId, 'helper', { nonce: 'mine', signal }).then(() => {
      isOver = true;
    });
    await new Promise(setImmediate);
    assert.equal(isOver, false);
    await writeFile(state, 'mine 0\n\nover mine\n');
    await over;
  });

  for (const code of ['ENOSPC', 'EMFILE'] as const) {
    it(`tell of a stage's beginning and end when no file can be watched any more (${code})`, () =>
      withoutWatches(code, async () => {
        const { store } = await setUp();
        const { buildId } = await store.create(draftOf(1));
        const { state } = await store.stageFiles(buildId, 'helper');
        const wait = { nonce: 'mine', signal: AbortSignal.timeout(5_000) };
        const begun = store.whenBegun(buildId, 'helper', wait);
        const over = store.whenOver(buildId, 'helper', wait);
        await writeFile(state, 'mine 0\n\nover mine\n');
        await Promise.all([begun, over]);
        assert.ok(!wait.signal.aborted);
      }));
  }

  it('cannot be waited for when somebody has deleted them', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const wait = { nonce: 'mine', signal: AbortSignal.timeout(5_000) };
    await assert.rejects(store.whenBegun(buildId, 'helper', wait), { code: 'ENOENT' });
  });

  it('include a wake-up pipe for each container, also in a directory of an earlier release', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const { wakePipe, nextStage } = await store.stageFiles(buildId, 'helper');
    assert.ok(wakePipe !== undefined && (await stat(wakePipe)).isFIFO());
    const { wakePipe: other = '' } = await store.stageFiles(buildId, 'build');
    assert.ok(other !== wakePipe && (await stat(other)).isFIFO());
    await rm(wakePipe);
    await rm(nextStage);
    assert.deepEqual((await store.stageFiles(buildId, 'helper')).wakePipe, wakePipe);
    assert.equal((await stat(nextStage)).mode & 0o777, 0o644);
  });

  it('wake a container by the wake-up pipe, even when it is full, until its stage has begun', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const { wakePipe = '', state, nextStage } = await store.stageFiles(buildId, 'helper');
    const filler = await open(wakePipe, constants.O_RDWR | constants.O_NONBLOCK);
    await filler.write(Buffer.alloc(64 * 1024, '\n'));
    await chmod(wakePipe, 0);
    await store.writeNextStage(buildId, 'helper', 'mine');
    assert.equal(await readFile(nextStage, 'utf8'), 'mine\n');
    const { signal } = new AbortController();
    const waking = store.wakeContainer(buildId, 'helper', { nonce: 'mine', signal });
    await filler.close();
    const shell = spawn('sh', [
      '-c',
      `read -r _ <'${wakePipe}' && echo 'mine begun 7' >'${state}'`,
    ]);
    assert.equal(await waking, undefined);
    if (shell.exitCode === null) await once(shell, 'exit');
    assert.equal(shell.exitCode, 0);
  });

  it('report the wake-up as noticed when the stage has begun while this process was stopped', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const { wakePipe = '', state } = await store.stageFiles(buildId, 'helper');
    const { signal } = new AbortController();
    const waking = wakeContainer({ wakePipe, state }, { nonce: 'mine', signal }, 100);
    await setTimeout(50);
    writeFileSync(state, 'mine begun 7\n');
    // Nothing else runs in this process until its time limit has passed.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    assert.equal(await waking, undefined);
  });

  it('stop ringing when nobody waits any more', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    await store.stageFiles(buildId, 'helper');
    const controller = new AbortController();
    const { signal } = controller;
    const waking = store.wakeContainer(buildId, 'helper', { nonce: 'mine', signal });
    controller.abort();
    assert.equal(await waking, undefined);
  });

  it('stop watching when nobody waits any more', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    await store.stageFiles(buildId, 'build');
    const controller = new AbortController();
    const begun = store.whenBegun(buildId, 'build', { nonce: 'mine', signal: controller.signal });
    controller.abort();
    await begun;
  });
});

/** Runs `work` while Node refuses to watch files, as when the user's inotify watches are used up. */
async function withoutWatches(code: string, work: () => Promise<void>): Promise<void> {
  const watching = mock.method(fs, 'watch', () => {
    throw Object.assign(new Error('no watches left'), { code });
  });
  syncBuiltinESMExports();
  try {
    await work();
    assert.ok(watching.mock.callCount() > 0);
  } finally {
    watching.mock.restore();
    syncBuiltinESMExports();
  }
}
