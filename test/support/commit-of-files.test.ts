import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { projectRoot } from './project-root.ts';

const { readCommit } = (await import(
  pathToFileURL(join(projectRoot(), 'scripts/lib/revision.mjs')).href
)) as { readCommit: (gitDirectory: string) => string | undefined };

const directory = mkdtempSync(join(tmpdir(), 'tgr-commit-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function git(...args: readonly string[]): string {
  const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
  return execFileSync('git', ['-C', directory, ...who, ...args], { encoding: 'utf8' }).trim();
}

// The image is built in a place that has no git.
test('the commit of a checkout is found without git', () => {
  const gitDirectory = join(directory, '.git');
  assert.equal(readCommit(gitDirectory), undefined, 'there is no repository');
  git('init', '--quiet');
  assert.equal(readCommit(gitDirectory), undefined, 'there is no commit yet');
  git('commit', '--quiet', '--allow-empty', '--message', 'first');
  const commit = git('rev-parse', 'HEAD');
  assert.equal(readCommit(gitDirectory), commit, 'on a branch');
  git('pack-refs', '--all');
  assert.equal(readCommit(gitDirectory), commit, 'on a branch that is packed');
  git('checkout', '--quiet', '--detach');
  assert.equal(readCommit(gitDirectory), commit, 'on no branch');
});
