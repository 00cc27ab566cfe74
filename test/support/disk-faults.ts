import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './faults.ts';
import type { Installation } from './installation.ts';

const OUTAGE_MS = 5_000;
const CHUNK = Buffer.alloc(64 * 1024);

/** Puts a small disk where the builds of an installation are, which has none now. */
export function mountSmallDisk({ stateDir }: Installation): { unmount(): void } {
  const builds = join(stateDir, 'builds');
  const options = 'size=16m,nr_inodes=500,mode=700';
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', builds]);
  return { unmount: () => void execFileSync('umount', ['--lazy', builds]) };
}

/** Somebody else fills the disk, and makes room again. */
export function fillDisk(): Fault {
  return {
    name: 'disk of the builds full for 5 s',
    strike: ({ installation }) => {
      const file = openSync(join(installation.stateDir, 'builds', 'ballast'), 'w');
      untilFull(() => writeSync(file, CHUNK));
      untilFull(() => writeSync(file, CHUNK.subarray(0, 1)));
      closeSync(file);
    },
    mend: async ({ installation }) => {
      await delay(OUTAGE_MS); // the outage itself
      rmSync(join(installation.stateDir, 'builds', 'ballast'));
    },
    confirm: ({ installation }) => assertAlive(installation),
  };
}

/** Somebody else uses up all inodes, and frees them. */
export function useUpInodes(): Fault {
  const folderOf = ({ stateDir }: Installation): string => join(stateDir, 'builds', 'ballast');
  return {
    name: 'no inodes for builds for 5 s',
    strike: ({ installation }) => {
      const folder = folderOf(installation);
      mkdirSync(folder);
      let count = 0;
      untilFull(() => closeSync(openSync(join(folder, `${(count += 1)}`), 'w')));
    },
    mend: async ({ installation }) => {
      await delay(OUTAGE_MS); // the outage itself
      rmSync(folderOf(installation), { recursive: true });
    },
    confirm: ({ installation }) => assertAlive(installation),
  };
}

/** As after a fault of the disk. What is open already can still be written to. */
export function makeReadOnly(): Fault {
  const buildsOf = ({ stateDir }: Installation): string => join(stateDir, 'builds');
  return {
    name: 'directory of the builds read-only for 5 s',
    strike: ({ installation }) => {
      const builds = buildsOf(installation);
      execFileSync('mount', ['--bind', builds, builds]);
      execFileSync('mount', ['-o', 'remount,bind,ro', builds]);
    },
    mend: async ({ installation }) => {
      await delay(OUTAGE_MS); // the outage itself
      execFileSync('umount', ['--lazy', buildsOf(installation)]);
    },
    confirm: ({ installation }) => assertAlive(installation),
  };
}

function untilFull(act: () => unknown): void {
  for (;;) {
    try {
      act();
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      return;
    }
  }
}

function assertAlive({ runner }: Installation): void {
  assert.ok(!runner.hasExited, 'the program has ended');
}
