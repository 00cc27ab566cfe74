import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './faults.ts';
import type { Installation } from '../installation.ts';
import { startRunnerProcess, type RunnerProcess } from '../runner-process.ts';

const USUAL = 4_096;
const SHORT = /"msg":"too many files are open, no job is asked for until there are fewer"/;
const ENOUGH = /"msg":"there are files to spare again, jobs are asked for"/;

/** Allows the program to open only `spare` more files for a while. */
export function shortenFiles(spare: number, durationMs: number): Fault {
  let fromLine = 0;
  return {
    name: 'open files used up',
    strike: ({ installation }) => {
      fromLine = installation.runner.lines.length;
      limitFiles(installation, countFiles(installation) + spare);
    },
    mend: async ({ installation }) => {
      await whenShort(installation, fromLine);
      await delay(durationMs); // The outage lasts this long.
      limitFiles(installation, USUAL);
      await whenEnough(installation, fromLine);
    },
    confirm: ({ installation: { runner } }) =>
      assert.ok(!runner.hasExited, 'the program has ended'),
  };
}

export function whenShort({ runner }: Installation, fromLine = 0): Promise<string> {
  return runner.whenLog(SHORT, 60_000, fromLine);
}

export function whenEnough({ runner }: Installation, fromLine = 0): Promise<string> {
  return runner.whenLog(ENOUGH, 60_000, fromLine);
}

export function freeFiles(installation: Installation): void {
  limitFiles(installation, USUAL);
}

export function leaveFiles(installation: Installation, spare: number): void {
  limitFiles(installation, countFiles(installation) + spare);
}

/**
 * Starts the program as `installation.start` does, but under `ulimit -n`. The caller must end the
 * process.
 */
export function startWithLimit(
  { configPath, stateDir }: Installation,
  fileLimit: number,
): RunnerProcess {
  return startRunnerProcess({
    args: ['run', '--config', configPath],
    env: { TEMPORAL_GITLAB_RUNNER_STATE_DIR: stateDir },
    launcher: ['sh', '-c', `ulimit -n ${fileLimit} && exec "$@"`, 'sh'],
  });
}

function limitFiles({ runner: { pid } }: Installation, limit: number): void {
  execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${limit}:`]);
}

function countFiles({ runner: { pid } }: Installation): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
