import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  commonHostSettings,
  jobHostSettings,
  PLAIN_HOST,
} from '../../../src/domain/executor/host-settings.ts';
import type { HostSettings } from '../../../src/domain/executor/specs.ts';
import { DOCKER_DEFAULTS, type DockerConfig } from '../../../src/domain/runner/docker-config.ts';
import { contextOf } from '../job/context-fixture.ts';

function settingsOf(docker: Partial<DockerConfig>): HostSettings {
  const context = contextOf({ runner: { docker: { ...DOCKER_DEFAULTS, ...docker } } });
  return jobHostSettings({ context }, undefined);
}

type Row = readonly [docker: Partial<DockerConfig>, expected: Partial<HostSettings>];

/** Settings whose result differs from the same name and value. */
const EVERYWHERE: readonly Row[] = [
  [{ networkMode: 'host' }, { networkMode: 'host' }],
  [{ dns: ['1.1.1.1', '2001:db8::53'] }, { dns: ['1.1.1.1', '2001:db8::53'] }],
  [{ dnsSearch: ['example.com'] }, { dnsSearch: ['example.com'] }],
  [{ extraHosts: ['a:10.0.0.1'] }, { extraHosts: ['a:10.0.0.1'] }],
  [{ macAddress: '02-42-AC-11-00-02' }, { macAddress: '02:42:ac:11:00:02' }],
  [{ shmSizeBytes: 1024 }, { shmSizeBytes: 1024 }],
  [{ runtime: 'runsc' }, { runtime: 'runsc' }],
  [{ usernsMode: 'host' }, { usernsMode: 'host' }],
  [{ isolation: 'default' }, { isolation: 'default' }],
  [{ logOptions: { labels: 'a', env: 'b' } }, { logOptions: { labels: 'a', env: 'b' } }],
];

const FOR_STAGES: readonly Row[] = [
  [{ hostname: 'h' }, { hostname: 'h' }],
  [{ privileged: true }, { privileged: true }],
  [{ memoryBytes: 1 }, { memoryBytes: 1 }],
  [{ memorySwapBytes: 2 }, { memorySwapBytes: 2 }],
  [{ memoryReservationBytes: 3 }, { memoryReservationBytes: 3 }],
  [{ nanoCpus: 4 }, { nanoCpus: 4 }],
  [{ cpusetCpus: '0' }, { cpusetCpus: '0' }],
  [{ cpusetMems: '0' }, { cpusetMems: '0' }],
  [{ cpuShares: 5 }, { cpuShares: 5 }],
  [{ cgroupParent: '/ci' }, { cgroupParent: '/ci' }],
  [{ oomKillDisable: true }, { oomKillDisable: true }],
  [{ oomScoreAdjust: 500 }, { oomScoreAdjust: 500 }],
  [{ ulimit: { nofile: '1024:2048' } }, { ulimits: [{ name: 'nofile', soft: 1024, hard: 2048 }] }],
  [{ ulimit: { core: '-1' } }, { ulimits: [{ name: 'core', soft: -1, hard: -1 }] }],
  [{ sysctls: { 'net.core.somaxconn': '9' } }, { sysctls: { 'net.core.somaxconn': '9' } }],
  [{ ipcMode: 'host' }, { ipcMode: 'host' }],
  [{ groupAdd: ['docker'] }, { groupAdd: ['docker'] }],
  [{ capAdd: ['NET_ADMIN'] }, { capAdd: ['NET_ADMIN'] }],
  [{ capDrop: ['ALL'] }, { capDrop: ['ALL'] }],
  [{ securityOpt: ['no-new-privileges'] }, { securityOpt: ['no-new-privileges'] }],
  [{ links: ['db:db'] }, { links: ['db:db'] }],
  [{ tmpfs: { '/run': 'rw' } }, { tmpfs: { '/run': 'rw' } }],
  [{ devices: ['/dev/kvm:/dev/kvm:r'] }, { devices: ['/dev/kvm:/dev/kvm:r'] }],
  [{ deviceCgroupRules: ['c 42:* rmw'] }, { deviceCgroupRules: ['c 42:* rmw'] }],
  [{ volumesFrom: ['data:ro'] }, { volumesFrom: ['data:ro'] }],
  [{ volumeDriver: 'nfs' }, { volumeDriver: 'nfs' }],
];

describe('the host settings of containers', () => {
  it('contain only a name without configuration', () => {
    const hostname = 'runner-abcdefghi-project-42-concurrent-1';
    assert.deepEqual(settingsOf({}), { ...PLAIN_HOST, hostname });
  });

  for (const [docker, expected] of [...EVERYWHERE, ...FOR_STAGES]) {
    it(`are ${JSON.stringify(expected)} for stages with ${JSON.stringify(docker)}`, () => {
      assert.deepEqual(settingsOf(docker), { ...settingsOf({}), ...expected });
    });
  }
  for (const [docker, expected] of EVERYWHERE) {
    it(`are ${JSON.stringify(expected)} for services too`, () => {
      const settings = commonHostSettings({ ...DOCKER_DEFAULTS, ...docker }, undefined);
      assert.deepEqual(settings, { ...PLAIN_HOST, ...expected });
    });
  }
  for (const [docker] of FOR_STAGES) {
    it(`exist only for stages: ${JSON.stringify(docker)}`, () => {
      assert.deepEqual(
        commonHostSettings({ ...DOCKER_DEFAULTS, ...docker }, undefined),
        PLAIN_HOST,
      );
    });
  }

  it('include the build’s own network', () => {
    const network = { name: 'own', labels: {} };
    assert.equal(commonHostSettings(DOCKER_DEFAULTS, network).networkMode, 'own');
  });

  const invalid: readonly [docker: Partial<DockerConfig>, message: RegExp][] = [
    [{ dns: ['8.8.8.8', 'dns.local'] }, /^invalid dns in \[runners\.docker\]: "dns\.local", exp/],
    [{ macAddress: '02:42' }, /^invalid mac_address .*"02:42", expected a MAC address/],
    [{ ulimit: { nofile: 'many' } }, /^invalid ulimit\.nofile .*"many", expected a number/],
    [{ ulimit: { nofile: '1:' } }, /^invalid ulimit\.nofile .*"1:"/],
    [{ devices: ['/dev/a:/dev/b:rwm:x'] }, /^invalid devices .*"\/dev\/a:\/dev\/b:rwm:x"/],
    [{ devices: [''] }, /^invalid devices .*""/],
    [{ gpus: 'most' }, /^invalid gpus .*"most", expected what --gpus takes: the count "most"/],
    [{ isolation: 'hypnosis' }, /^invalid isolation .*"hypnosis", expected "default"/],
    [
      { logOptions: { 'max-size': '1k', env: 'A', 'max-file': '9' } },
      /^invalid log options: only \["env" "labels"\] are allowed, but found: \["max-file" "max-size"\]/,
    ],
  ];
  for (const [docker, message] of invalid) {
    it(`fail the build for an invalid value: ${JSON.stringify(docker)}`, () => {
      assert.throws(() => settingsOf(docker), { type: 'RunnerConfiguration', message });
    });
  }
});
