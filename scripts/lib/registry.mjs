import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE } from './paths.mjs';
import { findProgram, run } from './run.mjs';
import { say, step } from './say.mjs';

const PROGRAM = 'docker-registry';

/**
 * Returns the path of an image registry's program for tests: the machine's own, otherwise Debian's
 * package, unpacked beside the other downloads. Returns undefined when there is neither: the tests
 * are then skipped.
 */
export async function findRegistry() {
  const kept = join(CACHE, PROGRAM, 'usr/bin', PROGRAM);
  const found = findProgram(PROGRAM) ?? (existsSync(kept) ? kept : undefined);
  if (found !== undefined) return found;
  if (findProgram('apt-get') === undefined || findProgram('dpkg-deb') === undefined) {
    say(`no ${PROGRAM} here, and no apt-get to get it: tests with a registry are skipped`);
    return undefined;
  }
  try {
    await step(`get ${PROGRAM}`, unpackPackage);
    return kept;
  } catch (error) {
    say(`${error.message}\ntests with a registry are skipped`);
    return undefined;
  }
}

/** Unpacks the package completely or not at all, because two scripts may do it at the same time. */
async function unpackPackage() {
  await mkdir(CACHE, { recursive: true });
  const directory = await mkdtemp(join(CACHE, 'registry-'));
  try {
    await run('apt-get', ['download', '-q', PROGRAM], { cwd: directory });
    const [archive = ''] = (await readdir(directory)).filter((name) => name.endsWith('.deb'));
    await run('dpkg-deb', ['-x', join(directory, archive), join(directory, 'tree')]);
    await rename(join(directory, 'tree'), join(CACHE, PROGRAM)).catch((error) => {
      if (error.code !== 'ENOTEMPTY') throw error;
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
