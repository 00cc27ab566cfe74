import type { BuildContext } from '../build/context.ts';
import { projectUniqueName } from '../runner/names.ts';
import type { DockerConfig } from '../runner/config.ts';
import type { HostSettings, NetworkSpec } from './specs.ts';

/** A container that asks nothing of its host. */
const PLAIN: HostSettings = {
  hostname: '',
  networkMode: '',
  tmpfs: {},
  privileged: false,
  memoryBytes: undefined,
  memorySwapBytes: undefined,
  memoryReservationBytes: undefined,
  nanoCpus: undefined,
  cpusetCpus: '',
  cpuShares: 0,
  capAdd: [],
  capDrop: [],
  securityOpt: [],
  dns: [],
  dnsSearch: [],
  extraHosts: [],
  shmSizeBytes: 0,
  devices: [],
  runtime: '',
};

/**
 * What every container of a build gets of its host, services too. Everything else is empty.
 * Source: gitlab-runner `executors/docker/docker.go` (createHostConfigForService).
 */
export function commonHostSettings(
  docker: DockerConfig,
  network: NetworkSpec | undefined,
): HostSettings {
  return {
    ...PLAIN,
    networkMode: network?.name ?? docker.networkMode,
    dns: docker.dns,
    dnsSearch: docker.dnsSearch,
    extraHosts: docker.extraHosts,
    shmSizeBytes: docker.shmSizeBytes,
    runtime: docker.runtime,
  };
}

/**
 * What the containers that run stages get of their host.
 * Source: gitlab-runner `executors/docker/docker.go` (createHostConfig).
 */
export function jobHostSettings(
  { context }: { readonly context: BuildContext },
  network: NetworkSpec | undefined,
): HostSettings {
  const { docker } = context.runner;
  return {
    ...commonHostSettings(docker, network),
    hostname: docker.hostname || projectUniqueName(context),
    privileged: docker.privileged,
    memoryBytes: docker.memoryBytes,
    memorySwapBytes: docker.memorySwapBytes,
    memoryReservationBytes: docker.memoryReservationBytes,
    nanoCpus: docker.nanoCpus,
    cpusetCpus: docker.cpusetCpus,
    cpuShares: docker.cpuShares,
    capAdd: docker.capAdd,
    capDrop: docker.capDrop,
    securityOpt: docker.securityOpt,
    tmpfs: docker.tmpfs,
    devices: docker.devices,
  };
}
