import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  cleanPath,
  isSharedBuildsDir,
  joinPath,
  planProjectDir,
  type ProjectDirInput,
} from '../../../src/domain/job/project-dir.ts';

const question: ProjectDirInput = {
  buildsDir: '/builds',
  isShared: false,
  repoUrl: 'https://gitlab-ci-token:t0k@gitlab.example.com/group/sub/app.git',
  projectId: 42,
  shortToken: 'AbCdEfGhI',
  concurrentProjectId: 1,
  clonePath: '',
  isClonePathForbidden: false,
  gitStrategy: '',
};

const dirs: [changes: Partial<ProjectDirInput>, expected: string, why: string][] = [
  [{}, '/builds/group/sub/app', 'path of the repository'],
  [{ gitStrategy: 'empty' }, '/builds/group/sub/app-empty', 'never wipes a checkout'],
  [{ gitStrategy: 'none' }, '/builds/group/sub/app', 'only empty has a place of its own'],
  [{ isShared: true }, '/builds/AbCdEfGhI/1/group/sub/app', 'others build there too'],
  [{ isShared: true, gitStrategy: 'empty' }, '/builds/AbCdEfGhI/1/group/sub/app-empty', 'both'],
  [
    { repoUrl: 'https://h/root/gitlab/g/p.git/' },
    '/builds/root/gitlab/g/p.git',
    'only .git at the very end goes',
  ],
  [{ repoUrl: 'https://h//g///p.git' }, '/builds/g/p', 'empty parts go'],
  [{ repoUrl: 'https://h/g/p%20q.git' }, '/builds/g/p q', 'decoded as Go does'],
  [{ repoUrl: 'https://h/g/p.git?x=1#y' }, '/builds/g/p', 'query and fragment do not count'],
  [{ repoUrl: 'https://h/g/../../etc' }, '/builds/etc', 'cleaned inside its own root'],
  [
    { repoUrl: 'https://h/g..x/p' },
    '/builds/project-42',
    'two dots anywhere are refused, as in gitlab-runner',
  ],
  [{ repoUrl: 'https://h/%2e%2e/%2e%2e/etc' }, '/builds/etc', 'cleaned after decoding'],
  [{ repoUrl: 'https://h/g/%zz' }, '/builds/project-42', 'no URL'],
  [{ repoUrl: 'https://h/g/a%0ab' }, '/builds/project-42', 'no control characters in a path'],
  [{ repoUrl: 'https://h/' }, '/builds/project-42', 'the root itself is nobody’s checkout'],
  [{ repoUrl: 'https://h' }, '/builds/project-42', 'no path'],
  [{ repoUrl: '' }, '/builds/project-42', 'no URL'],
  [{ repoUrl: 'git@h:g/p.git' }, '/builds/project-42', 'no URL'],
  [{ clonePath: '/builds/go/src/x' }, '/builds/go/src/x', 'a place of the job’s choice'],
  [{ clonePath: '/builds/a/../b//c/' }, '/builds/b/c', 'cleaned'],
  [{ clonePath: '/builds' }, '/builds', 'the root is inside the root, as in gitlab-runner'],
  [
    { clonePath: '/builds/x', gitStrategy: 'empty' },
    '/builds/x',
    'a chosen place is taken as it is',
  ],
  [{ clonePath: '/anywhere', buildsDir: '/' }, '/anywhere', 'everything is below /'],
];

const faults: [clonePath: string, why: string][] = [
  ['/etc', 'outside'],
  ['/builds/../etc', 'outside after cleaning'],
  ['/buildsx/y', 'only begins alike'],
  ['builds/x', 'relative'],
  ['x', 'relative'],
  ['/builds/..x', 'refused by gitlab-runner too'],
  ['/builds/a\0b', 'no path of any system'],
];

describe('planProjectDir', () => {
  for (const [changes, expected, why] of dirs) {
    it(`is ${expected} for ${JSON.stringify(changes)}: ${why}`, () => {
      assert.deepEqual(planProjectDir({ ...question, ...changes }), {
        dir: expected,
        fault: undefined,
      });
    });
  }
  for (const [clonePath, why] of faults) {
    it(`refuses GIT_CLONE_PATH ${JSON.stringify(clonePath)}: ${why}`, () => {
      const { dir, fault } = planProjectDir({ ...question, clonePath });
      assert.equal(dir, '/builds/group/sub/app');
      assert.match(fault ?? '', /^the GIT_CLONE_PATH=".*" has to be within "\/builds"$/);
    });
  }

  it('refuses a GIT_CLONE_PATH that the config forbids, and names the key', () => {
    const forbidden = { ...question, isClonePathForbidden: true };
    const usual = planProjectDir(forbidden);
    assert.deepEqual(usual, { dir: '/builds/group/sub/app', fault: undefined });
    const { dir, fault } = planProjectDir({ ...forbidden, clonePath: '/builds/go/src/x' });
    assert.equal(dir, usual.dir);
    assert.match(fault ?? '', /GIT_CLONE_PATH is not allowed, enable `custom_build_dir`/);
  });

  it('stays inside the root, whatever the repository and GIT_CLONE_PATH are', () => {
    const part = fc.constantFrom('..', '.', '', 'a', '%2e%2e', '%2f', '..a', '\0', ' ');
    const path = fc.array(part, { maxLength: 8 }).map((parts) => `/${parts.join('/')}`);
    fc.assert(
      fc.property(path, path, fc.boolean(), (repo, clone, isChosen) => {
        const { dir } = planProjectDir({
          ...question,
          repoUrl: `https://h${repo}`,
          clonePath: isChosen ? `/builds${clone}` : '',
        });
        assert.ok(dir === '/builds' || dir.startsWith('/builds/'), dir);
        assert.equal(dir, cleanPath(dir));
        assert.ok(!dir.includes('\0'));
      }),
      { numRuns: 10_000 },
    );
  });
});

const volumes: [volumes: string[], expected: boolean, why: string][] = [
  [[], false, 'nothing mounted'],
  [['/cache'], false, 'no source: a volume of the runner’s own'],
  [['/builds'], false, 'no source: a volume of the runner’s own'],
  [['/srv:/builds'], true, 'from the host'],
  [['/srv:/builds/'], true, 'the same path'],
  [['/srv:/:rw'], true, 'holds it'],
  [['shared:/builds:rw'], true, 'a named volume is shared as well'],
  [['/srv:/builds/sub'], false, 'only a part of it'],
  [['/srv:/buildsx'], false, 'only begins alike'],
  [['/cache', '/a:/b', '/srv:/builds:ro,z'], true, 'one of several'],
];

describe('isSharedBuildsDir', () => {
  for (const [list, expected, why] of volumes) {
    it(`is ${expected} for ${JSON.stringify(list)}: ${why}`, () => {
      assert.equal(isSharedBuildsDir('/builds', list), expected);
    });
  }
});

// Each row was run once through Go's path.Clean.
const cleaned: [path: string, expected: string][] = [
  ['', '.'],
  ['/', '/'],
  ['//', '/'],
  ['.', '.'],
  ['./a', 'a'],
  ['a/./b//c/', 'a/b/c'],
  ['a/../b', 'b'],
  ['a/../../b', '../b'],
  ['../../a', '../../a'],
  ['/../a', '/a'],
  ['/a/../..', '/'],
  ['a/..', '.'],
  ['...', '...'],
];

describe('cleanPath', () => {
  for (const [path, expected] of cleaned) {
    it(`turns ${JSON.stringify(path)} into ${JSON.stringify(expected)}`, () => {
      assert.equal(cleanPath(path), expected);
    });
  }
  it('joins parts and leaves out empty ones', () => {
    assert.equal(joinPath('/a', '', '../b', '/c'), '/b/c');
  });
});
