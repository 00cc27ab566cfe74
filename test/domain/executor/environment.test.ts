import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planEnvironment, type EnvironmentPlan } from '../../../src/domain/executor/environment.ts';
import { defaultHelperImage } from '../../../src/domain/executor/helper-image.ts';
import { BUILD_LABEL } from '../../../src/domain/executor/labels.ts';
import { FinalError } from '../../../src/domain/failure.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import type { DockerConfig } from '../../../src/domain/runner/config.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';

/** Long enough to be distinguishable; nothing here reads them. */
const digests = { md5Hex: () => 'm'.repeat(32), sha256Hex: () => 's'.repeat(64) };

function filesOf(place: string) {
  return {
    ...{ script: `/${place}/script`, output: `/${place}/output`, state: `/${place}/state` },
    ...{ turn: `/${place}/turn`, bell: `/${place}/bell` },
  };
}

function planOf(changes: ContextChanges = {}, docker: Partial<DockerConfig> = {}): EnvironmentPlan {
  const plain = contextOf(changes);
  const runner = { ...plain.runner, docker: { ...plain.runner.docker, ...docker } };
  const context = { ...plain, runner };
  const variables = buildVariables(context, { jobStatus: 'running' });
  const files = { build: filesOf('build'), helper: filesOf('helper') };
  return planEnvironment({ context, variables, digests, files });
}

function withVariables(variables: Readonly<Record<string, string>>, job = {}): ContextChanges {
  const list = Object.entries(variables).map(([key, value]) => ({ key, value }));
  return { job: { ...job, variables: list } };
}

const BASE = 'runner-abcdefghi-project-42-concurrent-1-0123456789abcdef';

describe("a build's containers", () => {
  it('are named after project, place and chance', () => {
    assert.deepEqual(planOf().containerNames, {
      build: `${BASE}-build`,
      helper: `${BASE}-predefined`,
    });
  });

  it('see the same volumes, and each its own files', () => {
    const plan = planOf({ volumes: ['/cache', '/srv:/data:ro'] });
    const build = plan.container('build', 'sha256:1');
    const helper = plan.container('helper', 'sha256:2');
    const volume = `runner-${'s'.repeat(32)}-cache-${'m'.repeat(32)}`;
    assert.deepEqual(build.binds, [
      `${volume}:/cache`,
      '/srv:/data:ro',
      `${volume}:/builds:nocopy`,
    ]);
    assert.deepEqual(helper.binds, build.binds);
    assert.deepEqual(build.fileMounts, [
      { source: '/build/script', target: '/.temporal-gitlab-runner/script', readOnly: true },
      { source: '/build/output', target: '/.temporal-gitlab-runner/output', readOnly: false },
      { source: '/build/state', target: '/.temporal-gitlab-runner/state', readOnly: false },
    ]);
    assert.equal(helper.fileMounts[0]?.source, '/helper/script');
    assert.deepEqual([build.image, helper.image], ['sha256:1', 'sha256:2']);
  });

  it('are found by the labels that clean-up scripts filter by', () => {
    const { labels } = planOf().container('build', 'i');
    assert.deepEqual(labels, {
      'com.gitlab.gitlab-runner.job.id': '4711',
      'com.gitlab.gitlab-runner.job.url': 'https://gitlab.example.com/group/app/-/jobs/4711',
      'com.gitlab.gitlab-runner.job.sha': '0123456789abcdef0123456789abcdef01234567',
      'com.gitlab.gitlab-runner.job.before_sha': '',
      'com.gitlab.gitlab-runner.job.ref': 'main',
      'com.gitlab.gitlab-runner.job.timeout': '1h0m0s',
      'com.gitlab.gitlab-runner.project.id': '42',
      'com.gitlab.gitlab-runner.project.runner_id': '1',
      'com.gitlab.gitlab-runner.pipeline.id': '99',
      'com.gitlab.gitlab-runner.runner.id': 'AbCdEfGhI',
      'com.gitlab.gitlab-runner.runner.local_id': '3',
      'com.gitlab.gitlab-runner.runner.system_id': 's_0123456789ab',
      'com.gitlab.gitlab-runner.managed': 'true',
      'com.gitlab.gitlab-runner.type': 'build',
      [BUILD_LABEL]: 'build/gitlab.example.com/4711',
    });
    const helper = planOf().container('helper', 'i').labels;
    assert.equal(helper['com.gitlab.gitlab-runner.type'], 'predefined');
  });

  it('carry labels of the configuration, but never hide from their clean-up', () => {
    const containerLabels = { team: '$CI_SERVER', [BUILD_LABEL]: 'another' };
    const { labels } = planOf({}, { containerLabels }).container('build', 'i');
    assert.equal(labels['team'], 'yes');
    assert.equal(labels[BUILD_LABEL], 'build/gitlab.example.com/4711');
  });

  it('both get what the configuration says of resources and rights', () => {
    const settings = {
      privileged: true,
      memoryBytes: 1,
      memorySwapBytes: 2,
      memoryReservationBytes: 3,
      nanoCpus: 4,
      cpusetCpus: '0-1',
      cpuShares: 5,
      capAdd: ['NET_ADMIN'],
      capDrop: ['ALL'],
      securityOpt: ['no-new-privileges'],
      dns: ['9.9.9.9'],
      dnsSearch: ['example.com'],
      extraHosts: ['a:127.0.0.1'],
      shmSizeBytes: 6,
      tmpfs: { '/tmp': 'rw' },
      devices: ['/dev/fuse'],
      runtime: 'runsc',
      networkMode: 'host',
    };
    for (const place of ['build', 'helper'] as const) {
      const spec = planOf({}, settings).container(place, 'i');
      for (const [key, value] of Object.entries(settings)) {
        assert.deepEqual(spec[key as keyof typeof spec], value, `${place} ${key}`);
      }
    }
  });

  it('all variables are in the environment of both, and no token of the runner', () => {
    for (const place of ['build', 'helper'] as const) {
      const { environment } = planOf(withVariables({ MINE: '1' })).container(place, 'i');
      assert.ok(environment.includes('MINE=1'));
      assert.ok(environment.includes('CI_PROJECT_DIR=/builds/group/app'));
      assert.doesNotMatch(environment.join('\n'), /AbCdEfGhIjKl/);
    }
  });

  const parts: [
    why: string,
    changes: ContextChanges,
    docker: Partial<DockerConfig>,
    expected: Record<string, unknown>,
  ][] = [
    [
      'the image decides',
      {},
      {},
      { user: '', entrypoint: undefined, platform: '', useInit: false },
    ],
    [
      'the job decides',
      withVariables(
        { WHO: 'nobody', FF_USE_INIT_WITH_DOCKER_EXECUTOR: 'true' },
        {
          image: {
            name: 'a',
            entrypoint: ['/run', 'x'],
            executor_opts: { docker: { user: '$WHO', platform: 'linux/$CI_SERVER' } },
          },
        },
      ),
      {},
      { user: 'nobody', entrypoint: ['/run', 'x'], platform: 'linux/yes', useInit: true },
    ],
    [
      'the configured user beats that of the job',
      { job: { image: { name: 'a', executor_opts: { docker: { user: 'root' } } } } },
      { user: '1000' },
      { user: '1000', entrypoint: undefined, platform: '', useInit: false },
    ],
    [
      'an empty entrypoint resets that of the image',
      { job: { image: { name: 'a', entrypoint: [''] } } },
      {},
      { user: '', entrypoint: [''], platform: '', useInit: false },
    ],
  ];
  for (const [why, changes, docker, expected] of parts) {
    it(`user, entrypoint and platform of the job's container: ${why}`, () => {
      const { user, entrypoint, platform, useInit } = planOf(changes, docker).container(
        'build',
        'i',
      );
      assert.deepEqual({ user, entrypoint, platform, useInit }, expected);
    });
  }

  it("the helper runs as its own image says, whatever the job's image is told", () => {
    const image = {
      name: 'a',
      entrypoint: ['/evil'],
      executor_opts: { docker: { user: 'x', platform: 'y' } },
    };
    const spec = planOf({ job: { image } }, { user: '1000' }).container('helper', 'i');
    assert.deepEqual([spec.user, spec.entrypoint, spec.platform], ['', undefined, '']);
  });

  it('the hostname is that of the configuration, else the name of the place', () => {
    const usual = 'runner-abcdefghi-project-42-concurrent-1';
    assert.equal(planOf().container('build', 'i').hostname, usual);
    assert.equal(planOf({}, { hostname: 'box' }).container('build', 'i').hostname, 'box');
  });
});

describe('what a job must not choose', () => {
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

  it('the check sees the name with its variables put in', () => {
    const docker = { allowedImages: ['ruby:*'] };
    const hidden = withVariables({ NAME: 'evil' }, { image: { name: 'ruby:$NAME' } });
    assert.equal(planOf(hidden, docker).jobImageName, 'ruby:evil');
    const spoofed = withVariables({ NAME: 'evil/ruby' }, { image: { name: '$NAME:3' } });
    assert.throws(() => planOf(spoofed, docker), /"evil\/ruby:3" image is not present/);
  });

  it('privileged containers, but for the images that may have them', () => {
    const docker = { privileged: true, allowedPrivilegedImages: ['docker:*'], helperImage: 'h' };
    const rights = (name: string) => {
      const plan = planOf({ job: { image: { name } } }, docker);
      return [plan.container('build', 'i').privileged, plan.container('helper', 'i').privileged];
    };
    assert.deepEqual(rights('docker:dind'), [true, false]);
    assert.deepEqual(rights('ruby:3'), [false, false]);
  });

  it('an entrypoint, where the configuration keeps those of the images; the log says so', () => {
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

  it('the processes that it sees beside its own: pid_mode is for the build container alone', () => {
    const plan = planOf({}, { pidMode: 'host' });
    assert.equal(plan.container('build', 'i').pidMode, 'host');
    assert.equal(plan.container('helper', 'i').pidMode, '');
  });

  it('is said when volumes are kept', () => {
    assert.match(planOf({}, { volumeKeep: true }).warnings.join(), /^volume_keep is enabled/);
  });
});

describe("a build's own network", () => {
  const flag = withVariables({ FF_NETWORK_PER_BUILD: '1' });

  it('is not made unless the flag says so', () => {
    const plan = planOf();
    assert.equal(plan.network, undefined);
    assert.equal(plan.container('build', 'i').networkMode, '');
  });

  it('goes with the build, which is known on it as `build`', () => {
    const plan = planOf(flag);
    assert.equal(plan.network?.name, 'runner-abcdefghi-42-1-4711');
    assert.equal(plan.network.labels[BUILD_LABEL], 'build/gitlab.example.com/4711');
    const { networkMode, networkAliases } = plan.container('build', 'i');
    assert.equal(networkMode, plan.network.name);
    assert.deepEqual(networkAliases, ['build', `${BASE}-build`]);
  });

  it('is not made where the configuration names a network', () => {
    const plan = planOf(flag, { networkMode: 'ci' });
    assert.equal(plan.network, undefined);
    assert.equal(plan.container('build', 'i').networkMode, 'ci');
  });
});

describe('the network of a build', () => {
  it('has the packet size and the addresses of the configuration', () => {
    const flag = withVariables({ FF_NETWORK_PER_BUILD: '1' });
    const { network } = planOf(flag, { networkMtu: 1400, enableIpv6: true });
    assert.deepEqual([network?.mtu, network?.enableIpv6], [1400, true]);
    const usual = planOf(flag).network;
    assert.deepEqual([usual?.mtu, usual?.enableIpv6], [undefined, undefined]);
  });
});

describe("a build's images", () => {
  it("are the job's, expanded, and the helper's", () => {
    const changes = withVariables({ TAG: '3' }, { image: { name: 'alpine:$TAG' } });
    const plan = planOf(changes, { helperImage: 'helper:$CI_SERVER' });
    assert.equal(plan.jobImageName, 'alpine:3');
    assert.equal(plan.images.build.reference, 'alpine:3');
    assert.equal(plan.images.helper.reference, 'helper:yes');
  });

  it('a helper that is named by version is the image of a gitlab-runner release', () => {
    const plan = planOf({}, { helperImage: 'mirror/helper:x86_64-v${CI_RUNNER_VERSION}' });
    assert.equal(plan.images.helper.reference, 'mirror/helper:x86_64-v19.4.0');
  });

  it('the configured one is used when the job names none', () => {
    assert.equal(planOf({ job: { image: {} } }, { image: 'debian' }).jobImageName, 'debian');
  });

  it('the job may choose policies for its own image only', () => {
    const image = { name: 'a', pull_policy: ['never'] };
    const plan = planOf(
      { job: { image } },
      { pullPolicy: ['always'], allowedPullPolicies: ['never', 'always'] },
    );
    assert.deepEqual(plan.images.build.policies, ['never']);
    assert.deepEqual(plan.images.helper.policies, ['always']);
  });

  it('no helper is needed by a build that has nothing to do in it', () => {
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

  it('the flavor may hold a variable', () => {
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
    it(`fails for good: ${why}`, () => {
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
