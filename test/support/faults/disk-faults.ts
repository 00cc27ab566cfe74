import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, Scene } from './faults.ts';
import type { Installation } from '../installation.ts';

const OUTAGE_MS = 5_000;
/** A stage that has not failed within this time will not fail because of the fault. */
const MAX_OUTAGE_MS = 25_000;
const CHUNK = Buffer.alloc(64 * 1024);

/** Mounts a small disk at the builds directory of an installation. The directory must be empty. */
export function mountSmallDisk({ stateDir }: Installation): { unmount(): void } {
  const builds = join(stateDir, 'builds');
  const options = 'size=16m,nr_inodes=500,mode=700';
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', builds]);
  return { unmount: () => void execFileSync('umount', ['--lazy', builds]) };
}

/**
 * How long a fault lasts. `short` means five seconds. The other value means at least five seconds,
 * and until a stage has ended.
 */
export type Outage = 'short' | 'until a stage has ended';

/** Starts to measure the outage. Returns a function that waits until the outage should end. */
function beginOutage(outage: Outage, { containers, job }: Scene): () => Promise<void> {
  const ended = new Promise<void>((resolve) => {
    const stop = containers.listen(({ action, jobId }) => {
      if (jobId !== job.id || action !== 'die') return;
      stop();
      resolve();
    });
  });
  return async () => {
    await delay(OUTAGE_MS); // The outage lasts at least this long.
    if (outage === 'short') return;
    const patience = new AbortController();
    const limit = delay(MAX_OUTAGE_MS - OUTAGE_MS, undefined, { signal: patience.signal });
    await Promise.race([ended, limit]);
    patience.abort();
    await limit.catch(() => undefined);
  };
}

/** Another program fills the disk, and later frees it. */
export function fillDisk(outage: Outage = 'short'): Fault {
  let whenOver: (() => Promise<void>) | undefined;
  return {
    name: 'disk of the builds full for 5 s',
    strike: (scene) => {
      whenOver = beginOutage(outage, scene);
      const file = openSync(join(scene.installation.stateDir, 'builds', 'ballast'), 'w');
      untilFull(() => writeSync(file, CHUNK));
      untilFull(() => writeSync(file, CHUNK.subarray(0, 1)));
      closeSync(file);
    },
    mend: async ({ installation }) => {
      await whenOver?.();
      rmSync(join(installation.stateDir, 'builds', 'ballast'));
    },
    confirm: ({ installation }) => assertAlive(installation),
  };
}

/** Another program uses up all inodes, and later frees them. */
export function useUpInodes(outage: Outage = 'short'): Fault {
  const folderOf = ({ stateDir }: Installation): string => join(stateDir, 'builds', 'ballast');
  let whenOver: (() => Promise<void>) | undefined;
  return {
    name: 'no inodes for builds for 5 s',
    strike: (scene) => {
      whenOver = beginOutage(outage, scene);
      const folder = folderOf(scene.installation);
      mkdirSync(folder);
      let count = 0;
      untilFull(() => closeSync(openSync(join(folder, `${(count += 1)}`), 'w')));
    },
    mend: async ({ installation }) => {
      await whenOver?.();
      rmSync(folderOf(installation), { recursive: true });
    },
    confirm: ({ installation }) => assertAlive(installation),
  };
}

/**
 * Makes the directory read-only, as a faulty disk does. Files that are already open can still be
 * written.
 */
export function makeReadOnly(): Fault {
  const buildsOf = ({ stateDir }: Installation): string => join(stateDir, 'builds');
  return {
    name: 'directory of the builds read-only for 5 s',
    strike: ({ installation }) => {
      const [builds, aside] = [buildsOf(installation), join(installation.directory, 'read-only')];
      mkdirSync(aside);
      // Nobody writes in this directory. This is necessary, because files that are open for writing
      // keep a mount from becoming read-only.
      execFileSync('mount', ['--bind', builds, aside]);
      execFileSync('mount', ['-o', 'remount,bind,ro', aside]);
      execFileSync('mount', ['--bind', aside, builds]);
      execFileSync('umount', [aside]);
      rmdirSync(aside);
    },
    mend: async ({ installation }) => {
      await delay(OUTAGE_MS); // The outage lasts this long.
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
