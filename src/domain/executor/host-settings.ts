import type { BuildContext } from '../context/context.ts';
import { projectUniqueName } from '../context/names.ts';
import type { DockerConfig } from '../runner/config.ts';
import { limitsOf } from '../runner/container-limits.ts';
import { NO_HOST_FIELDS } from '../runner/host-fields.ts';
import {
  readDevices,
  readDns,
  readGpus,
  readIsolation,
  readLogOptions,
  readMacAddress,
  readUlimits,
} from './docker-values.ts';
import type { HostSettings, NetworkSpec } from './specs.ts';

/** The settings of a container that asks for nothing from its host. */
export const PLAIN_HOST: HostSettings = { ...NO_HOST_FIELDS, ulimits: [], deviceRequests: [] };

/**
 * Host settings of every container of a build, services included. All other settings are empty.
 * Throws `RunnerConfiguration` for an unusable value. Source: gitlab-runner
 * `executors/docker/docker.go` (createHostConfigForService, networkConfig).
 */
export function commonHostSettings(
  docker: DockerConfig,
  network: NetworkSpec | undefined,
): HostSettings {
  return {
    ...PLAIN_HOST,
    networkMode: network?.name ?? docker.networkMode,
    dns: readDns(docker),
    dnsSearch: docker.dnsSearch,
    extraHosts: docker.extraHosts,
    macAddress: readMacAddress(docker),
    shmSizeBytes: docker.shmSizeBytes,
    runtime: docker.runtime,
    usernsMode: docker.usernsMode,
    isolation: readIsolation(docker),
    logOptions: readLogOptions(docker),
  };
}

/**
 * Host settings of the containers that run stages, without those of the build container alone.
 * Source: gitlab-runner `executors/docker/docker.go` (createHostConfig).
 */
export function jobHostSettings(
  { context }: { readonly context: BuildContext },
  network: NetworkSpec | undefined,
): HostSettings {
  const { docker } = context.runner;
  return {
    ...commonHostSettings(docker, network),
    ...limitsOf(docker),
    hostname: docker.hostname || projectUniqueName(context),
    privileged: docker.privileged,
    cpusetMems: docker.cpusetMems,
    oomKillDisable: docker.oomKillDisable,
    oomScoreAdjust: docker.oomScoreAdjust,
    ulimits: readUlimits(docker),
    sysctls: docker.sysctls,
    ipcMode: docker.ipcMode,
    groupAdd: docker.groupAdd,
    capAdd: docker.capAdd,
    capDrop: docker.capDrop,
    securityOpt: docker.securityOpt,
    links: docker.links,
    tmpfs: docker.tmpfs,
    devices: readDevices('devices', docker.devices),
    deviceCgroupRules: docker.deviceCgroupRules,
    deviceRequests: readGpus('gpus', docker.gpus),
    volumesFrom: docker.volumesFrom,
    volumeDriver: docker.volumeDriver,
  };
}
