import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault } from './faults.ts';
import type { Installation } from '../installation.ts';

/** A person deletes all files that the node keeps of its running builds. */
export function deleteBuilds(): Fault {
  return {
    name: 'files of the running builds deleted',
    strike: ({ installation }) => emptyBuilds(installation),
    confirm: ({ installation: { runner } }) =>
      assert.ok(!runner.hasExited, 'the program has ended'),
  };
}

/** A person deletes these files, and the program is killed. */
export function deleteBuildsAndKill(): Fault {
  return {
    name: 'files of the running builds deleted, worker killed',
    strike: ({ installation }) => {
      installation.runner.signal('SIGKILL');
      emptyBuilds(installation);
    },
    mend: async ({ installation }) => {
      await installation.runner.end('SIGKILL');
      await installation.start();
    },
  };
}

/**
 * Deletes the files of all builds. They are moved away first, because the node may make new files
 * in a directory while it is deleted.
 */
function emptyBuilds({ stateDir }: Installation): void {
  const builds = join(stateDir, 'builds');
  const deleted = mkdtempSync(join(stateDir, 'deleted-'));
  for (const name of readdirSync(builds)) renameSync(join(builds, name), join(deleted, name));
  rmSync(deleted, { recursive: true });
}
