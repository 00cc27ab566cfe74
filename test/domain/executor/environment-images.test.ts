import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultHelperImage } from '../../../src/domain/executor/helper-image.ts';
import { FinalError } from '../../../src/domain/failure.ts';
import type { DockerConfig } from '../../../src/domain/runner/config.ts';
import { withVariables, type ContextChanges } from '../job/context-fixture.ts';
import { planOf } from './plan-fixture.ts';

describe('settings that a job must not choose', () => {
  const image = { name: 'ruby:3', entrypoint: ['/own'] };

  it('an image that is not allowed, unless the configuration itself names it', () => {
    const docker = { image: 'alpine', allowedImages: ['docker.example.com/**'] };
    const message = /"ruby:3" image is not present on list of allowed images/;
    assert.throws(() => planOf({ job: { image } }, docker), {
      type: 'RunnerConfiguration',
      message,
    });
    assert.equal(planOf({ job: { image: {} } }, docker).jobImageName, 'alpine');
    assert.equal(planOf({ job: { image: { name: 'alpine' } } }, docker).jobImageName, 'alpine');
  });

  it('the name of an image is checked after its variables were expanded', () => {
    const docker = { allowedImages: ['ruby:*'] };
    const hidden = withVariables({ NAME: 'evil' }, { image: { name: 'ruby:$NAME' } });
    assert.equal(planOf(hidden, docker).jobImageName, 'ruby:evil');
    const spoofed = withVariables({ NAME: 'evil/ruby' }, { image: { name: '$NAME:3' } });
    assert.throws(() => planOf(spoofed, docker), /"evil\/ruby:3" image is not present/);
  });

  it('privileged containers, except for the allowed images', () => {
    const docker = { privileged: true, allowedPrivilegedImages: ['docker:*'], helperImage: 'h' };
    const rights = (name: string) => {
      const plan = planOf({ job: { image: { name } } }, docker);
      return [plan.container('build', 'i').privileged, plan.container('helper', 'i').privileged];
    };
    assert.deepEqual(rights('docker:dind'), [true, false]);
    assert.deepEqual(rights('ruby:3'), [false, false]);
  });

  it('an entrypoint, when the configuration keeps those of the images; the log tells that', () => {
    const plan = planOf({ job: { image } }, { disableEntrypointOverwrite: true });
    assert.equal(plan.container('build', 'i').entrypoint, undefined);
    assert.deepEqual(plan.warnings, ['Entrypoint override disabled']);
    assert.deepEqual(planOf({ job: { image } }).warnings, []);
  });

  it('a user that is not allowed', () => {
    const asked = { name: 'a', executor_opts: { docker: { user: '$CI_SERVER' } } };
    const message = /^user "yes" is not an allowed user: \[ci\]/;
    assert.throws(() => planOf({ job: { image: asked } }, { allowedUsers: ['ci'] }), { message });
  });

  it('the processes that it sees besides its own: pid_mode applies only to the build container', () => {
    const plan = planOf({}, { pidMode: 'host' });
    assert.equal(plan.container('build', 'i').pidMode, 'host');
    assert.equal(plan.container('helper', 'i').pidMode, '');
  });

  it('volume_keep causes a warning', () => {
    assert.match(planOf({}, { volumeKeep: true }).warnings.join(), /^volume_keep is enabled/);
  });
});

describe("a build's images", () => {
  it("are the job's, expanded, and the helper's", () => {
    const twice = withVariables({ A: '$B', B: '$C', C: 'ruby' }, { image: { name: '$A' } });
    assert.equal(planOf(twice).jobImageName, 'ruby');
    const changes = withVariables({ TAG: '3' }, { image: { name: 'alpine:$TAG' } });
    const plan = planOf(changes, { helperImage: 'helper:$CI_SERVER' });
    assert.equal(plan.jobImageName, 'alpine:3');
    assert.equal(plan.images.build.reference, 'alpine:3');
    assert.equal(plan.images.helper.reference, 'helper:yes');
  });

  it('a helper that is named by a version is the image of a gitlab-runner release', () => {
    const plan = planOf({}, { helperImage: 'mirror/helper:x86_64-v${CI_RUNNER_VERSION}' });
    assert.equal(plan.images.helper.reference, 'mirror/helper:x86_64-v19.4.0');
  });

  it('the configured image is used when the job names none', () => {
    assert.equal(planOf({ job: { image: {} } }, { image: 'debian' }).jobImageName, 'debian');
  });

  it('the job may choose policies for its own image only', () => {
    const image = { name: 'a', pull_policy: ['never'] };
    const plan = planOf(
      { job: { image } },
      { pullPolicy: ['always'], allowedPullPolicies: ['never', 'always'] },
    );
    assert.deepEqual(plan.images.build.policies, ['never']);
    assert.equal(plan.images.helper.policies, undefined);
  });

  it('a build without stages in the helper needs no helper image', () => {
    assert.equal(planOf().needsHelper, true);
    assert.equal(planOf(withVariables({ GIT_STRATEGY: 'none' })).needsHelper, false);
  });

  const flavors: [flavor: string, tag: string][] = [
    ['', 'x86_64-v19.4.0'],
    ['alpine', 'x86_64-v19.4.0'],
    ['ubuntu', 'ubuntu-x86_64-v19.4.0'],
    ['alpine-latest', 'alpine-latest-x86_64-v19.4.0'],
  ];
  for (const [flavor, tag] of flavors) {
    it(`the official helper of flavor "${flavor}" is ${tag}`, () => {
      assert.equal(defaultHelperImage('x86_64', flavor).split(':')[1], tag);
    });
  }

  it('the flavor may contain a variable', () => {
    assert.equal(planOf({}, { helperImageFlavor: '$CI_SERVER' }).images.helper.flavor, 'yes');
  });

  const helpers: [architecture: string, tag: string][] = [
    ['x86_64', 'x86_64-v19.4.0'],
    ['amd64', 'x86_64-v19.4.0'],
    ['aarch64', 'arm64-v19.4.0'],
    ['armv7l', 'arm-v19.4.0'],
    ['s390x', 's390x-v19.4.0'],
  ];
  for (const [architecture, tag] of helpers) {
    it(`the official helper for ${architecture} is ${tag}`, () => {
      assert.equal(
        defaultHelperImage(architecture),
        `registry.gitlab.com/gitlab-org/gitlab-runner/gitlab-runner-helper:${tag}`,
      );
    });
  }
});

describe('directories that any user can write to', () => {
  const cases: [why: string, changes: ContextChanges, expected: readonly string[]][] = [
    [
      'our volumes and the way to the checkout, parents first',
      { volumes: ['/cache'] },
      ['/builds', '/builds/group', '/builds/group/app', '/builds/group/app.tmp', '/cache'],
    ],
    [
      'never a directory of the host itself',
      { volumes: ['/srv/builds:/builds'] },
      [
        '/builds/AbCdEfGhI',
        '/builds/AbCdEfGhI/1',
        '/builds/AbCdEfGhI/1/group',
        '/builds/AbCdEfGhI/1/group/app',
        '/builds/AbCdEfGhI/1/group/app.tmp',
      ],
    ],
    [
      'a checkout at the very root',
      { volumes: [], ...withVariables({ GIT_CLONE_PATH: '/builds' }) },
      ['/builds'],
    ],
  ];
  for (const [why, changes, expected] of cases) {
    it(`${expected.join(', ')}: ${why}`, () => {
      assert.deepEqual(planOf(changes).directoriesToMake, expected);
    });
  }
});

describe('a build whose job and configuration do not fit', () => {
  const cases: [
    why: string,
    changes: ContextChanges,
    docker: Partial<DockerConfig>,
    text: RegExp,
  ][] = [
    ['no image anywhere', { job: { image: {} } }, { image: '' }, /no Docker image specified/],
    [
      'an image that comes to nothing',
      { job: { image: { name: '$NO' } } },
      { image: '' },
      /no Docker image/,
    ],
    [
      'a checkout outside of the builds directory',
      withVariables({ GIT_CLONE_PATH: '/etc' }),
      {},
      /GIT_CLONE_PATH/,
    ],
    ['a volume that is none', {}, { volumes: ['cache'] }, /invalid volume specification/],
    [
      'a policy that is not allowed',
      { job: { image: { name: 'a', pull_policy: ['never'] } } },
      {},
      /GitLab pipeline config/,
    ],
  ];
  for (const [why, changes, docker, text] of cases) {
    it(`fails permanently: ${why}`, () => {
      assert.throws(
        () => planOf(changes, docker),
        (error) =>
          error instanceof FinalError &&
          error.type === 'RunnerConfiguration' &&
          text.test(error.message),
      );
    });
  }
});
