import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { outlivesBuild, planMounts, type MountPlan } from '../../../src/domain/build/mounts.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';

function mountsOf(changes: ContextChanges): MountPlan {
  const context = contextOf(changes);
  return planMounts(context, buildVariables(context, { jobStatus: 'running' }));
}

const BUILDS = { kind: 'volume', path: '/builds', isTemporary: false };

describe('the mounts of a build', () => {
  const cases: [why: string, volume: string, expected: unknown][] = [
    [
      'a path alone is a cache volume',
      '/cache',
      { kind: 'volume', path: '/cache', isTemporary: false },
    ],
    [
      'the destination is expanded',
      '/data/$CI_SERVER',
      { kind: 'volume', path: '/data/yes', isTemporary: false },
    ],
    [
      'the source is not: a job must not choose what of the host it sees',
      '/srv/$CI_SERVER:/data',
      { kind: 'given', path: '/data', bind: '/srv/$CI_SERVER:/data' },
    ],
    [
      'options go with it',
      '/srv:/data:ro,Z,rshared',
      { kind: 'given', path: '/data', bind: '/srv:/data:ro,Z,rshared' },
    ],
    [
      'colons between options mean the same',
      '/srv:/data:rw:z',
      { kind: 'given', path: '/data', bind: '/srv:/data:rw,z' },
    ],
    [
      "a volume of the user's has a name",
      'shared:/data',
      { kind: 'given', path: '/data', bind: 'shared:/data' },
    ],
    [
      'a mode without a source means nothing',
      '/data:ro',
      { kind: 'volume', path: '/data', isTemporary: false },
    ],
  ];
  for (const [why, volume, expected] of cases) {
    it(`${volume}: ${why}`, () => {
      assert.deepEqual(mountsOf({ volumes: [volume] }), {
        mounts: [expected, BUILDS],
        fault: undefined,
      });
    });
  }

  const faults: [why: string, changes: ContextChanges, fault: RegExp][] = [
    ['the root', { volumes: ['/'] }, /root of the container/],
    ['the root in other words', { volumes: ['/srv:/a/..'] }, /root of the container/],
    ['a path twice', { volumes: ['/a', '/srv:/a/'] }, /"\/a" is already defined/],
    ['no absolute path', { volumes: ['cache'] }, /invalid volume specification "cache"/],
    ['an unknown option', { volumes: ['/a:/b:rx'] }, /invalid volume specification/],
    ['an empty source', { volumes: [':/b'] }, /invalid volume specification/],
    ['a star', { volumes: ['/a*:/b'] }, /invalid volume specification/],
    [
      'an option that the job slips in',
      {
        volumes: ['/srv:/data/$MINE:ro'],
        job: { variables: [{ key: 'MINE', value: 'x:rw' }] },
      },
      /not a path in the container/,
    ],
    ['a relative builds_dir', { runner: { buildsDir: 'builds' } }, /builds_dir "builds"/],
    ['builds_dir is the root', { runner: { buildsDir: '//' } }, /builds_dir/],
  ];
  for (const [why, changes, fault] of faults) {
    it(`has a fault: ${why}`, () => {
      assert.match(mountsOf(changes).fault ?? '', fault);
    });
  }

  it('a volume that the configuration has for the builds directory is not created twice', () => {
    const { mounts } = mountsOf({ volumes: ['/srv/builds:/builds/'] });
    assert.deepEqual(mounts, [{ kind: 'given', path: '/builds/', bind: '/srv/builds:/builds/' }]);
  });

  const strategies: [strategy: string, isTemporary: boolean][] = [
    ['fetch', false],
    ['clone', true],
    ['none', true],
    ['empty', true],
  ];
  for (const [strategy, isTemporary] of strategies) {
    it(`the builds directory is ${isTemporary ? 'temporary' : 'kept'} for ${strategy}`, () => {
      const job = { variables: [{ key: 'GIT_STRATEGY', value: strategy }] };
      const { mounts } = mountsOf({ volumes: [], job });
      assert.deepEqual(mounts, [{ ...BUILDS, isTemporary }]);
    });
  }

  it('disable_cache makes our own volumes temporary and does not change the others', () => {
    const { runner } = contextOf({ volumes: ['/cache', '/srv:/data'] });
    const docker = { ...runner.docker, disableCache: true };
    const { mounts } = mountsOf({ runner: { docker } });
    assert.deepEqual(
      mounts.map((mount) => (mount.kind === 'given' ? mount.bind : mount)),
      [
        { kind: 'volume', path: '/cache', isTemporary: true },
        '/srv:/data',
        { ...BUILDS, isTemporary: true },
      ],
    );
  });

  it('cache_dir contains files that are kept, and none that are removed with the build', () => {
    const { runner } = contextOf({ volumes: ['/cache'] });
    const docker = { ...runner.docker, cacheDir: '/srv/cache' };
    assert.deepEqual(mountsOf({ runner: { docker } }).mounts, [
      { kind: 'directory', path: '/cache' },
      { kind: 'directory', path: '/builds' },
    ]);
    const clone = { variables: [{ key: 'GIT_STRATEGY', value: 'clone' }] };
    assert.deepEqual(mountsOf({ job: clone, runner: { docker } }).mounts, [
      { kind: 'directory', path: '/cache' },
      { ...BUILDS, isTemporary: true },
    ]);
    const disabled = { ...docker, disableCache: true };
    assert.deepEqual(mountsOf({ runner: { docker: disabled } }).mounts, [
      { kind: 'volume', path: '/cache', isTemporary: true },
      { ...BUILDS, isTemporary: true },
    ]);
  });
});

describe('files after a build', () => {
  const temporary = { variables: [{ key: 'GIT_STRATEGY', value: 'clone' }] };
  const cases: [why: string, path: string, changes: ContextChanges, expected: boolean][] = [
    ['on a kept volume', '/builds/a', {}, true],
    ['on a temporary volume', '/builds/a', { job: temporary }, false],
    ['in the container alone', '/builds.tmp', { job: temporary }, false],
    ['the innermost mount counts', '/builds/a/b', { job: temporary, volumes: ['/builds/a'] }, true],
    [
      'a name that only begins alike is another',
      '/builds/ab',
      { job: temporary, volumes: ['/builds/a'] },
      false,
    ],
    ['when nobody knows, it may be', '/builds/a', { volumes: ['cache'] }, true],
  ];
  for (const [why, path, changes, expected] of cases) {
    it(`in ${path} ${expected ? 'may remain' : 'are gone'}: ${why}`, () => {
      assert.equal(outlivesBuild(path, mountsOf(changes)), expected);
    });
  }
});
