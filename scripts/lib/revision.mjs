import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './paths.mjs';
import { run } from './run.mjs';

const FILE = join(ROOT, 'dist/revision.json');

/** Writes the revision for `--version` and for GitLab. Without it the program calls itself HEAD. */
export async function writeRevision() {
  const revision = await askGit();
  if (revision === undefined) return rmSync(FILE, { force: true });
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, JSON.stringify(revision));
}

/** Returns the revision of the existing build. */
export function readRevision() {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : 'HEAD';
}

async function askGit() {
  // A repository in a directory above would be another one.
  if (!existsSync(join(ROOT, '.git'))) return undefined;
  try {
    return (await run('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT })).trim();
  } catch {
    // There may be no git, as in the build of the image, or no commit yet, or the checkout may
    // belong to somebody else.
    return readCommit(join(ROOT, '.git'))?.slice(0, 7);
  }
}

/**
 * Reads the whole hash that a repository has checked out from its files; undefined when they do not
 * contain it.
 */
export function readCommit(gitDirectory) {
  const read = (path) => {
    const file = join(gitDirectory, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  try {
    const [, ref] = /^ref: (refs\/\S+)$/m.exec(read('HEAD')) ?? [];
    const found = ref === undefined ? read('HEAD') : read(ref) || packed(read('packed-refs'), ref);
    return /^[0-9a-f]{40,64}$/.exec(found.trim())?.[0];
  } catch {
    return undefined; // .git is not a directory, or may not be read.
  }
}

function packed(text, ref) {
  return (
    text
      .split('\n')
      .find((line) => line.endsWith(` ${ref}`))
      ?.split(' ')[0] ?? ''
  );
}
