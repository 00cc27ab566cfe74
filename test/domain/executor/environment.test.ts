import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BUILD_LABEL } from '../../../src/domain/executor/labels.ts';
import type { DockerConfig } from '../../../src/domain/runner/config.ts';
import { withVariables, type ContextChanges } from '../job/context-fixture.ts';
import { planOf } from './plan-fixture.ts';

const BASE = 'runner-abcdefghi-project-42-concurrent-1-0123456789abcdef';

describe("a build's containers", () => {
  it('are named after project, slot and a random part', () => {
    assert.deepEqual(planOf().containerNames, {
      build: `${BASE}-build`,
      helper: `${BASE}-predefined`,
    });
  });

  it('see the same volumes', () => {
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

  it('have labels of the configuration, but always keep those for their clean-up', () => {
    const containerLabels = { team: '$CI_SERVER', [BUILD_LABEL]: 'another' };
    const { labels } = planOf({}, { containerLabels }).container('build', 'i');
    assert.equal(labels['team'], 'yes');
    assert.equal(labels[BUILD_LABEL], 'build/gitlab.example.com/4711');
  });

  it('both get the resources and rights of the configuration', () => {
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

  it('have all variables in their environment, and no token of the runner', () => {
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

  it('the helper runs as its own image defines, whatever the job sets for its image', () => {
    const image = {
      name: 'a',
      entrypoint: ['/evil'],
      executor_opts: { docker: { user: 'x', platform: 'y' } },
    };
    const spec = planOf({ job: { image } }, { user: '1000' }).container('helper', 'i');
    assert.deepEqual([spec.user, spec.entrypoint, spec.platform], ['', undefined, '']);
  });

  it('have the configured hostname, otherwise the name of the place', () => {
    const usual = 'runner-abcdefghi-project-42-concurrent-1';
    assert.equal(planOf().container('build', 'i').hostname, usual);
    assert.equal(planOf({}, { hostname: 'box' }).container('build', 'i').hostname, 'box');
  });
});

describe("a build's own network", () => {
  const flag = withVariables({ FF_NETWORK_PER_BUILD: '1' });

  it('is not created unless the flag is set', () => {
    const plan = planOf();
    assert.equal(plan.network, undefined);
    assert.equal(plan.container('build', 'i').networkMode, '');
  });

  it('is removed with the build, whose container is known on it as `build`', () => {
    const plan = planOf(flag);
    assert.equal(plan.network?.name, 'runner-abcdefghi-42-1-4711');
    assert.equal(plan.network.labels[BUILD_LABEL], 'build/gitlab.example.com/4711');
    const { networkMode, networkAliases } = plan.container('build', 'i');
    assert.equal(networkMode, plan.network.name);
    assert.deepEqual(networkAliases, ['build', `${BASE}-build`]);
  });

  it('is not created when the configuration names a network', () => {
    const plan = planOf(flag, { networkMode: 'ci' });
    assert.equal(plan.network, undefined);
    assert.equal(plan.container('build', 'i').networkMode, 'ci');
  });
});

describe('the network of a build', () => {
  it('has the MTU and the address families of the configuration', () => {
    const flag = withVariables({ FF_NETWORK_PER_BUILD: '1' });
    const { network } = planOf(flag, { networkMtu: 1400, enableIpv6: true });
    assert.deepEqual([network?.mtu, network?.enableIpv6], [1400, true]);
    const usual = planOf(flag).network;
    assert.deepEqual([usual?.mtu, usual?.enableIpv6], [undefined, undefined]);
  });
});
