import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { BUILD_LABEL } from '../../../src/domain/executor/labels.ts';
import {
  isProtected,
  planCacheDirectory,
  planVolume,
} from '../../../src/domain/executor/volumes.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';

const digests = {
  md5Hex: (text: string) => createHash('md5').update(text).digest('hex'),
  sha256Hex: (text: string) => createHash('sha256').update(text).digest('hex'),
};

function volumeOf(isTemporary: boolean, changes: ContextChanges = {}) {
  const mount = { kind: 'volume', path: '/cache', isTemporary } as const;
  return planVolume(mount, { context: contextOf(changes), digests });
}

describe('a directory below cache_dir', () => {
  const runner = contextOf().runner;
  const docker = { ...runner.docker, cacheDir: '/srv/cache/' };
  const directoryOf = (changes: ContextChanges = {}) =>
    planCacheDirectory('/cache', {
      context: contextOf({ ...changes, runner: { ...changes.runner, docker } }),
      digests,
    });

  it('has the name that the volume would have', () => {
    const name = volumeOf(false).spec.name.replace('-cache-', '/');
    assert.equal(directoryOf(), `/srv/cache/${name}`);
  });

  it('is not shared with builds of protected refs or of other projects', () => {
    const isProtectedRef = { job: { git_info: { protected: true } } };
    assert.equal(directoryOf(isProtectedRef), `${directoryOf()}-protected`);
    assert.notEqual(directoryOf({ job: { job_info: { project_id: 43 } } }), directoryOf());
  });
});

describe('a volume of a build', () => {
  it('is named after project and place when it is kept, and is never removed with a build', () => {
    const { spec, path, isTemporary } = volumeOf(false);
    assert.match(spec.name, /^runner-[0-9a-f]{32}-cache-[0-9a-f]{32}$/);
    assert.equal(spec.name.slice(-32), digests.md5Hex('/cache'));
    assert.equal(spec.labels[BUILD_LABEL], undefined);
    assert.equal(spec.labels['com.gitlab.gitlab-runner.reusable'], 'true');
    assert.deepEqual({ path, isTemporary }, { path: '/cache', isTemporary: false });
  });

  it('is named after the build when it is temporary, and is removed with it', () => {
    const { spec } = volumeOf(true);
    assert.equal(
      spec.name,
      `runner-abcdefghi-project-42-concurrent-1-0123456789abcdef-cache-${digests.md5Hex('/cache')}`,
    );
    assert.equal(spec.labels[BUILD_LABEL], 'build/gitlab.example.com/4711');
    assert.equal(spec.labels['com.gitlab.gitlab-runner.type'], 'cache');
    assert.equal(spec.labels['com.gitlab.gitlab-runner.destination'], '/cache');
  });

  const others: [what: string, changes: ContextChanges][] = [
    ['another project', { job: { job_info: { project_id: 43 } } }],
    ['another place of the same project', { context: { concurrentProjectId: 2 } }],
    ['another runner', { runner: { token: 'glrt-t1_AbCdEfGhIjKlm' } }],
    ['another installation', { context: { systemId: 's_other' } }],
    ['a protected ref', { job: { git_info: { protected: true } } }],
  ];
  for (const [what, changes] of others) {
    it(`is not shared with ${what}`, () => {
      assert.notEqual(volumeOf(false, changes).spec.name, volumeOf(false).spec.name);
    });
  }

  it('is shared by successive builds on one place', () => {
    const next = {
      context: { entropy: 'fedcba9876543210', buildId: 'build/gitlab.example.com/1' },
    };
    assert.equal(volumeOf(false, next).spec.name, volumeOf(false).spec.name);
    assert.notEqual(volumeOf(true, next).spec.name, volumeOf(true).spec.name);
  });
});

describe('a build of a protected ref', () => {
  const named = (value: string) => ({ key: 'CI_COMMIT_REF_PROTECTED', value });
  const cases: [why: string, job: Record<string, unknown>, expected: boolean][] = [
    ['GitLab says so', { git_info: { protected: true } }, true],
    ['GitLab denies it', { git_info: { protected: false }, variables: [named('true')] }, false],
    ['an older GitLab has only the variable', { variables: [named('true')] }, true],
    ['what a user sets comes later', { variables: [named('false'), named('true')] }, false],
    ['nobody says anything', {}, false],
    ['the cache key asks for it', { cache: [{ key: 'x-protected' }] }, true],
    ['the other suffix', { cache: [{ key: 'x-non_protected' }] }, false],
  ];
  for (const [why, job, expected] of cases) {
    it(`is ${expected ? '' : 'not '}recognised: ${why}`, () => {
      assert.equal(isProtected(contextOf({ job }).job), expected);
    });
  }
});
