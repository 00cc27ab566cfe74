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
    return undefined; // no git, no commit yet, or a checkout that belongs to somebody else
  }
}
