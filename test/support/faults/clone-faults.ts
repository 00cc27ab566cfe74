import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Fault } from './faults.ts';
import type { Installation } from '../installation.ts';
import { startRunnerProcess, whenReady, type RunnerProcess } from '../runner-process.ts';

/** A clone must be recognised within this time. */
const DETECTION_LIMIT_MS = 110_000;

/** Copies a node's machine: its config, its system id, and all of its state except the database. */
async function startClone({
  directory,
  stateDir: original,
  configPath,
  runner,
}: Installation): Promise<RunnerProcess> {
  const home = join(directory, 'clone');
  const stateDir = join(home, 'state');
  await mkdir(home, { recursive: true, mode: 0o700 });
  await cp(configPath, join(home, 'config.toml'));
  await cp(join(directory, '.runner_system_id'), join(home, '.runner_system_id'));
  // Node's own copy function refuses named pipes, and a running build has one for its helper.
  await promisify(execFile)('cp', ['-a', original, stateDir]);
  // On another machine no process owns the lock.
  const left = ['temporal', 'lock', 'status.sock'];
  await Promise.all(left.map((name) => rm(join(stateDir, name), { recursive: true, force: true })));
  const ready = await whenReady(runner);
  return startRunnerProcess({
    args: ['run', '--config', join(home, 'config.toml')],
    env: { TEMPORAL_GITLAB_RUNNER_STATE_DIR: stateDir, TEMPORAL_ADDRESS: ready.temporal },
  });
}

/** Starts a clone of the node. The clone must refuse to work, whatever builds it has copied. */
export function cloneNode(): Fault {
  let clone: RunnerProcess | undefined;
  return {
    name: 'node cloned',
    strike: () => undefined,
    mend: async ({ installation }) => {
      clone = await startClone(installation);
      assert.equal(await clone.whenExit(DETECTION_LIMIT_MS), 1);
    },
    confirm: ({ installation: { runner } }) => {
      const told = /another process, \S+:\d+@.* serves this very node: .*\/clone\/state is a copy/;
      assert.match(clone?.lines.at(-1) ?? '', told);
      assert.ok(!runner.hasExited, 'the node itself has ended');
    },
  };
}
