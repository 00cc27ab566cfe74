import type { ContainerCreateOptions, DeviceMapping, DeviceRequest, HostConfig } from 'dockerode';
import type { ContainerSpec } from '../../domain/executor/specs.ts';

/**
 * Builds the body of `POST /containers/create`. Output goes to the `json-file` log, whatever the
 * daemon's default is, because the runner must read it. Empty fields keep Docker's defaults.
 */
export function createBody(spec: ContainerSpec): ContainerCreateOptions {
  return {
    Image: spec.image,
    Cmd: [...spec.command],
    ...(spec.entrypoint !== undefined && { Entrypoint: [...spec.entrypoint] }),
    Env: [...spec.environment],
    Labels: { ...spec.labels },
    User: spec.user,
    Hostname: spec.hostname,
    AttachStdin: spec.opensStdin,
    AttachStdout: false,
    AttachStderr: false,
    OpenStdin: spec.opensStdin,
    // The reader then sees the end of its input.
    StdinOnce: spec.opensStdin,
    Tty: false,
    HostConfig: hostConfig(spec),
    ...(spec.macAddress !== '' && { MacAddress: spec.macAddress }),
    ...networking(spec),
  };
}

function hostConfig(spec: ContainerSpec): HostConfig {
  return {
    Binds: [...spec.binds],
    Mounts: spec.fileMounts.map(({ source, target, readOnly }) => ({
      Type: 'bind',
      Source: source,
      Target: target,
      ReadOnly: readOnly,
    })),
    Tmpfs: { ...spec.tmpfs },
    ...(spec.networkMode !== '' && { NetworkMode: spec.networkMode }),
    Privileged: spec.privileged,
    CapAdd: [...spec.capAdd],
    CapDrop: [...spec.capDrop],
    SecurityOpt: [...spec.securityOpt],
    Dns: [...spec.dns],
    DnsSearch: [...spec.dnsSearch],
    ExtraHosts: [...spec.extraHosts],
    Devices: spec.devices.map(parseDevice),
    ...rareSettings(spec),
    RestartPolicy: { Name: 'no' },
    // A job's output goes to a file of the build. This limits anything else that it writes to the
    // log. Docker stores a line as JSON with about 75 bytes more, and empties a log that is full.
    LogConfig: {
      Type: 'json-file',
      Config: { 'max-size': '128m', 'max-file': '1', ...spec.logOptions },
    },
    CpusetCpus: spec.cpusetCpus,
    CpuShares: spec.cpuShares,
    ...(spec.memoryBytes !== undefined && { Memory: spec.memoryBytes }),
    ...(spec.memorySwapBytes !== undefined && { MemorySwap: spec.memorySwapBytes }),
    ...(spec.memoryReservationBytes !== undefined && {
      MemoryReservation: spec.memoryReservationBytes,
    }),
    ...(spec.nanoCpus !== undefined && { NanoCpus: spec.nanoCpus }),
    ...(spec.shmSizeBytes > 0 && { ShmSize: spec.shmSizeBytes }),
    ...(spec.runtime !== '' && { Runtime: spec.runtime }),
    ...(spec.useInit && { Init: true }),
  };
}

/**
 * Returns settings that few configurations use. A daemon that does not know a key must not receive
 * it.
 */
function rareSettings(spec: ContainerSpec): Partial<HostConfig> {
  const given: HostConfig = {
    CpusetMems: spec.cpusetMems,
    CgroupParent: spec.cgroupParent,
    OomKillDisable: spec.oomKillDisable,
    OomScoreAdj: spec.oomScoreAdjust,
    Ulimits: spec.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    Sysctls: { ...spec.sysctls },
    PidMode: spec.pidMode,
    IpcMode: spec.ipcMode,
    UsernsMode: spec.usernsMode,
    Isolation: spec.isolation,
    GroupAdd: [...spec.groupAdd],
    Links: [...spec.links],
    DeviceCgroupRules: [...spec.deviceCgroupRules],
    DeviceRequests: spec.deviceRequests.map(deviceRequest),
    VolumesFrom: [...spec.volumesFrom],
    VolumeDriver: spec.volumeDriver,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === '' || value === 0 || value === false;
}

function deviceRequest(request: ContainerSpec['deviceRequests'][number]): DeviceRequest {
  return {
    Driver: request.driver,
    Count: request.count,
    DeviceIDs: [...request.deviceIds],
    Capabilities: request.capabilities.map((all) => [...all]),
    Options: { ...request.options },
  };
}

/**
 * Describes the container's place in its network. Daemons from version 25 take the MAC address
 * here, older ones beside the image, and each ignores the other place.
 */
function networking({
  networkMode,
  networkAliases,
  macAddress,
}: ContainerSpec): Pick<ContainerCreateOptions, 'NetworkingConfig'> {
  const network = userDefinedNetwork(networkMode);
  const hasAliases = network !== undefined && networkAliases.length > 0;
  if (!hasAliases && macAddress === '') return {};
  const endpoint = {
    ...(hasAliases && { Aliases: [...networkAliases] }),
    ...(macAddress !== '' && { MacAddress: macAddress }),
  };
  return { NetworkingConfig: { EndpointsConfig: { [networkMode || 'default']: endpoint } } };
}

/**
 * Returns the network if it takes aliases. Docker refuses them on its predefined networks and on
 * another container's network.
 */
function userDefinedNetwork(mode: string): string | undefined {
  const isBuiltIn = ['', 'default', 'bridge', 'host', 'none'].includes(mode);
  return isBuiltIn || mode.startsWith('container:') ? undefined : mode;
}

/** Parses `host[:container][:rwm]`, as `docker run --device` does. */
export function parseDevice(device: string): DeviceMapping {
  const [host = '', second, third] = device.split(':');
  const isSecondMode = third === undefined && second !== undefined && /^[rwm]{1,3}$/.test(second);
  return {
    PathOnHost: host,
    PathInContainer: isSecondMode ? host : (second ?? host),
    CgroupPermissions: (isSecondMode ? second : third) ?? 'rwm',
  };
}
