import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './paths.mjs';
import { run } from './run.mjs';

const FILE = join(ROOT, 'dist/revision.json');

/** For `--version` and what GitLab is told of us; without it the program calls itself HEAD. */
export async function writeRevision() {
  const revision = await askGit();
  if (revision === undefined) return rmSync(FILE, { force: true });
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, JSON.stringify(revision));
}

/** Of the build that is there. */
export function readRevision() {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : 'HEAD';
}

async function askGit() {
  // The repository of a directory above would be another's.
  if (!existsSync(join(ROOT, '.git'))) return undefined;
  try {
    return (await run('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT })).trim();
  } catch {
    // No git, as in the build of the image; no commit yet; or a checkout that belongs to somebody else.
    return readCommit(join(ROOT, '.git'))?.slice(0, 7);
  }
}

/** The whole hash that a repository has checked out, out of its files; undefined where they do not say. */
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
    return undefined; // .git is no directory, or one that is closed to us
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
