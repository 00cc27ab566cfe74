import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBody, parseDevice } from '../../../src/adapters/docker/create-body.ts';
import { containerSpec } from './support.ts';

/** No property of this spec has Docker's default. */
const full = containerSpec({
  name: 'n',
  image: 'sha256:1',
  command: ['sh'],
  entrypoint: [''],
  opensStdin: true,
  environment: ['A=b'],
  labels: { l: '1' },
  user: 'u',
  hostname: 'h',
  binds: ['v:/v'],
  fileMounts: [{ source: '/s', target: '/t', readOnly: true }],
  tmpfs: { '/tmp': 'rw' },
  networkMode: 'net',
  networkAliases: ['build'],
  privileged: true,
  memoryBytes: 1,
  memorySwapBytes: 2,
  memoryReservationBytes: 3,
  nanoCpus: 4,
  cpusetCpus: '0',
  cpusetMems: '0-1',
  cgroupParent: '/ci',
  oomKillDisable: true,
  oomScoreAdjust: 7,
  ulimits: [{ name: 'nofile', soft: 8, hard: 9 }],
  sysctls: { k: 'v' },
  pidMode: 'host',
  ipcMode: 'shareable',
  usernsMode: 'host',
  isolation: 'default',
  groupAdd: ['g'],
  links: ['c:a'],
  macAddress: '02:42:ac:11:00:02',
  deviceCgroupRules: ['c 1:3 r'],
  deviceRequests: [
    {
      driver: 'nvidia',
      count: -1,
      deviceIds: [],
      capabilities: [['gpu']],
      options: { o: '1' },
    },
  ],
  volumesFrom: ['data:ro'],
  volumeDriver: 'nfs',
  logOptions: { env: 'A' },
  cpuShares: 5,
  capAdd: ['A'],
  capDrop: ['B'],
  securityOpt: ['no-new-privileges'],
  dns: ['1.1.1.1'],
  dnsSearch: ['s'],
  extraHosts: ['h:1.2.3.4'],
  shmSizeBytes: 6,
  devices: ['/dev/kvm'],
  runtime: 'runsc',
  useInit: true,
});

void test('every property of a spec is in the body', () => {
  assert.deepEqual(createBody(full), {
    Image: 'sha256:1',
    Cmd: ['sh'],
    Entrypoint: [''],
    Env: ['A=b'],
    Labels: { l: '1' },
    User: 'u',
    Hostname: 'h',
    AttachStdin: true,
    AttachStdout: false,
    AttachStderr: false,
    OpenStdin: true,
    StdinOnce: true,
    Tty: false,
    HostConfig: {
      Binds: ['v:/v'],
      Mounts: [{ Type: 'bind', Source: '/s', Target: '/t', ReadOnly: true }],
      Tmpfs: { '/tmp': 'rw' },
      NetworkMode: 'net',
      Privileged: true,
      CapAdd: ['A'],
      CapDrop: ['B'],
      SecurityOpt: ['no-new-privileges'],
      Dns: ['1.1.1.1'],
      DnsSearch: ['s'],
      ExtraHosts: ['h:1.2.3.4'],
      Devices: [{ PathOnHost: '/dev/kvm', PathInContainer: '/dev/kvm', CgroupPermissions: 'rwm' }],
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '128m', 'max-file': '1', env: 'A' } },
      CpusetCpus: '0',
      CpusetMems: '0-1',
      CgroupParent: '/ci',
      OomKillDisable: true,
      OomScoreAdj: 7,
      Ulimits: [{ Name: 'nofile', Soft: 8, Hard: 9 }],
      Sysctls: { k: 'v' },
      PidMode: 'host',
      IpcMode: 'shareable',
      UsernsMode: 'host',
      Isolation: 'default',
      GroupAdd: ['g'],
      Links: ['c:a'],
      DeviceCgroupRules: ['c 1:3 r'],
      DeviceRequests: [
        {
          Driver: 'nvidia',
          Count: -1,
          DeviceIDs: [],
          Capabilities: [['gpu']],
          Options: { o: '1' },
        },
      ],
      VolumesFrom: ['data:ro'],
      VolumeDriver: 'nfs',
      CpuShares: 5,
      Memory: 1,
      MemorySwap: 2,
      MemoryReservation: 3,
      NanoCpus: 4,
      ShmSize: 6,
      Runtime: 'runsc',
      Init: true,
    },
    MacAddress: '02:42:ac:11:00:02',
    NetworkingConfig: {
      EndpointsConfig: { net: { Aliases: ['build'], MacAddress: '02:42:ac:11:00:02' } },
    },
  });
});

void test('Docker decides about empty fields of a spec', () => {
  const body = createBody(containerSpec());
  assert.equal('Entrypoint' in body, false);
  assert.equal('NetworkingConfig' in body, false);
  assert.equal('MacAddress' in body, false);
  for (const key of [
    'NetworkMode',
    'Memory',
    'MemorySwap',
    'NanoCpus',
    'ShmSize',
    'Runtime',
    'Init',
    'OomKillDisable',
    'PidMode',
    'Ulimits',
    'DeviceRequests',
    'VolumesFrom',
  ]) {
    assert.equal(key in (body.HostConfig ?? {}), false, key);
  }
});

void test('a MAC address is also requested in Docker’s own network', () => {
  const body = createBody(containerSpec({ macAddress: '02:42:ac:11:00:02' }));
  assert.deepEqual(body.NetworkingConfig, {
    EndpointsConfig: { default: { MacAddress: '02:42:ac:11:00:02' } },
  });
});

for (const networkMode of ['', 'default', 'bridge', 'host', 'none', 'container:abc']) {
  void test(`aliases are left out in the network "${networkMode}", where Docker refuses them`, () => {
    const body = createBody(containerSpec({ networkMode, networkAliases: ['build'] }));
    assert.equal(body.NetworkingConfig, undefined);
  });
}

const devices = [
  ['/dev/a', '/dev/a', 'rwm'],
  ['/dev/a:/dev/b', '/dev/b', 'rwm'],
  ['/dev/a:/dev/b:r', '/dev/b', 'r'],
  ['/dev/a:rw', '/dev/a', 'rw'],
] as const;
for (const [device, PathInContainer, CgroupPermissions] of devices) {
  void test(`the device ${device} is ${PathInContainer} with ${CgroupPermissions}`, () => {
    const expected = { PathOnHost: '/dev/a', PathInContainer, CgroupPermissions };
    assert.deepEqual(parseDevice(device), expected);
  });
}
