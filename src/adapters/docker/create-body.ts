import type { ContainerCreateOptions, DeviceMapping, HostConfig } from 'dockerode';
import type { ContainerSpec } from '../../domain/executor/specs.ts';

/**
 * The body of `POST /containers/create`. Output goes to the `json-file` log whatever the daemon's
 * default is: it must be readable. What a spec leaves empty is left to Docker.
 */
export function createBody(spec: ContainerSpec): ContainerCreateOptions {
  const network = userDefinedNetwork(spec.networkMode);
  return {
    Image: spec.image,
    Cmd: [...spec.command],
    ...(spec.entrypoint !== undefined && { Entrypoint: [...spec.entrypoint] }),
    Env: [...spec.environment],
    Labels: { ...spec.labels },
    User: spec.user,
    Hostname: spec.hostname,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    HostConfig: hostConfig(spec),
    ...(network !== undefined &&
      spec.networkAliases.length > 0 && {
        NetworkingConfig: {
          EndpointsConfig: { [network]: { Aliases: [...spec.networkAliases] } },
        },
      }),
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
    RestartPolicy: { Name: 'no' },
    // A job's own output goes to a file of the build; this bounds what it puts beside that.
    LogConfig: { Type: 'json-file', Config: { 'max-size': '64m', 'max-file': '1' } },
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

/** Docker refuses aliases on its own networks and on another container's. */
function userDefinedNetwork(mode: string): string | undefined {
  const isBuiltIn = ['', 'default', 'bridge', 'host', 'none'].includes(mode);
  return isBuiltIn || mode.startsWith('container:') ? undefined : mode;
}

/** `host[:container][:rwm]`, as `docker run --device` reads it. */
export function parseDevice(device: string): DeviceMapping {
  const [host = '', second, third] = device.split(':');
  const isSecondMode = third === undefined && second !== undefined && /^[rwm]{1,3}$/.test(second);
  return {
    PathOnHost: host,
    PathInContainer: isSecondMode ? host : (second ?? host),
    CgroupPermissions: (isSecondMode ? second : third) ?? 'rwm',
  };
}
