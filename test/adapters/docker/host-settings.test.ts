import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import Dockerode from 'dockerode';
import type { HostSettings } from '../../../src/domain/executor/specs.ts';
import { containerSpec, JOB_IMAGE, openEngine, randomName } from './support.ts';

const docker = new Dockerode();
const engine = openEngine();
const other = randomName();

/** Creates a container with these settings, and returns Docker's settings of it. */
async function inspected(settings: Partial<HostSettings>): Promise<Dockerode.ContainerInspectInfo> {
  const spec = containerSpec(settings);
  try {
    return await docker.getContainer(await engine.createContainer(spec)).inspect();
  } finally {
    await engine.removeContainer(spec.name);
  }
}

type Settings = Partial<HostSettings>;

describe('for a container the daemon accepts', () => {
  after(() => engine.removeContainer(other));

  const cases: readonly [settings: Settings, key: keyof Dockerode.HostConfig, expected: unknown][] =
    [
      [{ privileged: true }, 'Privileged', true],
      [{ memoryBytes: 67_108_864 }, 'Memory', 67_108_864],
      [{ memoryReservationBytes: 33_554_432 }, 'MemoryReservation', 33_554_432],
      [{ nanoCpus: 500_000_000 }, 'NanoCpus', 500_000_000],
      [{ cpusetCpus: '0' }, 'CpusetCpus', '0'],
      [{ cpusetMems: '0' }, 'CpusetMems', '0'],
      [{ cpuShares: 128 }, 'CpuShares', 128],
      [{ cgroupParent: '/tgr-test' }, 'CgroupParent', '/tgr-test'],
      [{ oomScoreAdjust: 300 }, 'OomScoreAdj', 300],
      [
        { ulimits: [{ name: 'nofile', soft: 1024, hard: 2048 }] },
        'Ulimits',
        [{ Name: 'nofile', Hard: 2048, Soft: 1024 }],
      ],
      [{ sysctls: { 'net.ipv4.ip_forward': '1' } }, 'Sysctls', { 'net.ipv4.ip_forward': '1' }],
      [{ pidMode: 'host' }, 'PidMode', 'host'],
      [{ ipcMode: 'host' }, 'IpcMode', 'host'],
      [{ usernsMode: 'host' }, 'UsernsMode', 'host'],
      [{ isolation: 'default' }, 'Isolation', 'default'],
      [{ groupAdd: ['1234'] }, 'GroupAdd', ['1234']],
      [{ capAdd: ['NET_ADMIN'] }, 'CapAdd', ['NET_ADMIN']],
      [{ capDrop: ['MKNOD'] }, 'CapDrop', ['MKNOD']],
      [{ dns: ['1.1.1.1'] }, 'Dns', ['1.1.1.1']],
      [{ dnsSearch: ['example.com'] }, 'DnsSearch', ['example.com']],
      [{ extraHosts: ['a:10.0.0.1'] }, 'ExtraHosts', ['a:10.0.0.1']],
      [{ shmSizeBytes: 1_048_576 }, 'ShmSize', 1_048_576],
      [
        { devices: ['/dev/null:/dev/nil:r'] },
        'Devices',
        [{ PathOnHost: '/dev/null', PathInContainer: '/dev/nil', CgroupPermissions: 'r' }],
      ],
      [{ deviceCgroupRules: ['c 42:* rmw'] }, 'DeviceCgroupRules', ['c 42:* rmw']],
      [
        {
          deviceRequests: [
            { driver: '', count: 0, deviceIds: ['1'], capabilities: [['gpu']], options: {} },
          ],
        },
        'DeviceRequests',
        [{ Driver: '', Count: 0, DeviceIDs: ['1'], Capabilities: [['gpu']], Options: {} }],
      ],
      [{ volumeDriver: 'local' }, 'VolumeDriver', 'local'],
      [{ tmpfs: { '/run': 'rw,size=1m' } }, 'Tmpfs', { '/run': 'rw,size=1m' }],
      [
        { logOptions: { labels: 'a' } },
        'LogConfig',
        { Type: 'json-file', Config: { labels: 'a', 'max-file': '1', 'max-size': '128m' } },
      ],
      [{ runtime: 'runc' }, 'Runtime', 'runc'],
    ];
  for (const [settings, key, expected] of cases) {
    it(`${JSON.stringify(settings)} as ${key}`, async () => {
      assert.deepEqual((await inspected(settings)).HostConfig[key], expected);
    });
  }

  it('a host name and a MAC address', async () => {
    const { Config, NetworkSettings } = await inspected({
      hostname: 'h',
      macAddress: '02:42:ac:11:00:99',
    });
    const { Hostname, MacAddress } = Config as { Hostname: string; MacAddress?: string };
    // Daemons since version 29 report it for the network only.
    const inNetwork = Object.values(NetworkSettings.Networks)[0]?.MacAddress;
    assert.deepEqual([Hostname, MacAddress ?? inNetwork], ['h', '02:42:ac:11:00:99']);
  });

  it('links to a container and the volumes of one', async () => {
    await engine.createContainer(containerSpec({ name: other, volumesFrom: [] }));
    await engine.startContainer(other);
    const { HostConfig } = await inspected({
      links: [`${other}:db`],
      volumesFrom: [`${other}:ro`],
    });
    assert.deepEqual(HostConfig.VolumesFrom, [`${other}:ro`]);
    const [link] = HostConfig.Links as readonly string[];
    assert.match(link ?? '', /:\/.*\/db$/);
  });

  const refused: readonly [settings: Settings, message: RegExp][] = [
    [{ runtime: 'no-such-runtime' }, /[Uu]nknown (or invalid )?runtime/],
    [{ cpusetCpus: 'x' }, /[Ii]nvalid value x for cpuset/],
  ];
  for (const [settings, message] of refused) {
    it(`no invalid value: ${JSON.stringify(settings)} is a configuration error`, async () => {
      await assert.rejects(inspected(settings), { type: 'RunnerConfiguration', message });
    });
  }

  it('a request to keep only some of its anonymous volumes', async (t) => {
    const name = randomName();
    const body = { Image: JOB_IMAGE, name, Cmd: ['true'], Volumes: { '/kept': {} } };
    const container = await docker.createContainer(body);
    const { Mounts } = await container.inspect();
    const volume = Mounts[0]?.Name ?? '';
    t.after(() => docker.getVolume(volume).remove());
    await engine.removeContainer(name, { keepsVolumes: true });
    assert.equal((await docker.getVolume(volume).inspect()).Name, volume);
  });
});
