import { z } from 'zod';
import type { DockerConfig } from '../../domain/runner/config.ts';
import {
  cpus,
  flag,
  integer,
  memory,
  orUndefined,
  table,
  text,
  textList,
  textMap,
} from './schema-parts.ts';
import { readServices, servicesShape } from './services-schema.ts';

const PULL_POLICIES = ['always', 'if-not-present', 'never'] as const;
const pullPolicy = z.enum(PULL_POLICIES, `one of ${PULL_POLICIES.join(', ')}`);
const pullPolicies = z.array(pullPolicy, `a list of ${PULL_POLICIES.join(', ')}`);
const oneOrMorePullPolicies = z.preprocess(
  (value) => (typeof value === 'string' ? [value].filter(Boolean) : value),
  pullPolicies,
);

export const dockerSchema = z.object(
  {
    host: text.default(''),
    tls_cert_path: text.default(''),
    tls_verify: flag.default(false),
    image: text.default(''),
    helper_image: text.default(''),
    helper_image_flavor: text.default(''),
    pull_policy: oneOrMorePullPolicies.default([]),
    allowed_pull_policies: pullPolicies.default([]),
    allowed_images: textList.default([]),
    privileged: flag.default(false),
    allowed_privileged_images: textList.default([]),
    allowed_users: textList.default([]),
    disable_entrypoint_overwrite: flag.default(false),
    volumes: textList.default([]),
    disable_cache: flag.default(false),
    volumes_from: textList.default([]),
    volume_driver: text.default(''),
    volume_driver_ops: textMap.default({}),
    volume_keep: flag.default(false),
    cache_dir: text.default(''),
    network_mode: text.default(''),
    network_mtu: integer.default(0),
    enable_ipv6: flag.default(false),
    mac_address: text.default(''),
    links: textList.default([]),
    memory,
    memory_swap: memory,
    memory_reservation: memory,
    cpus,
    cpuset_cpus: text.default(''),
    cpuset_mems: text.default(''),
    cpu_shares: integer.default(0),
    cgroup_parent: text.default(''),
    oom_kill_disable: flag.default(false),
    oom_score_adjust: integer.default(0),
    ulimit: textMap.default({}),
    sysctls: textMap.default({}),
    pid_mode: text.default(''),
    ipcmode: text.default(''),
    userns_mode: text.default(''),
    isolation: text.default(''),
    user: text.default(''),
    group_add: textList.default([]),
    hostname: text.default(''),
    cap_add: textList.default([]),
    cap_drop: textList.default([]),
    security_opt: textList.default([]),
    dns: textList.default([]),
    dns_search: textList.default([]),
    extra_hosts: textList.default([]),
    shm_size: integer.default(0),
    tmpfs: textMap.default({}),
    devices: textList.default([]),
    device_cgroup_rules: textList.default([]),
    gpus: text.default(''),
    runtime: text.default(''),
    container_labels: textMap.default({}),
    log_options: textMap.default({}),
    ...servicesShape,
  },
  table,
);

type RawDocker = z.output<typeof dockerSchema>;

export function readDocker(raw: RawDocker): DockerConfig {
  return {
    ...readLimits(raw),
    ...readRights(raw),
    ...readPlaces(raw),
    host: orUndefined(raw.host),
    tlsCertPath: orUndefined(raw.tls_cert_path),
    tlsVerify: raw.tls_verify,
    image: raw.image,
    helperImage: raw.helper_image,
    helperImageFlavor: raw.helper_image_flavor,
    pullPolicy: raw.pull_policy,
    allowedPullPolicies: raw.allowed_pull_policies,
    allowedImages: raw.allowed_images,
    disableEntrypointOverwrite: raw.disable_entrypoint_overwrite,
    containerLabels: raw.container_labels,
    logOptions: raw.log_options,
    services: readServices(raw),
  };
}

/** Reads the limits for the host's resources that a container may use. */
function readLimits(raw: RawDocker) {
  return {
    memoryBytes: raw.memory,
    memorySwapBytes: raw.memory_swap,
    memoryReservationBytes: raw.memory_reservation,
    nanoCpus: raw.cpus,
    cpusetCpus: raw.cpuset_cpus,
    cpusetMems: raw.cpuset_mems,
    cpuShares: raw.cpu_shares,
    cgroupParent: raw.cgroup_parent,
    oomKillDisable: raw.oom_kill_disable,
    oomScoreAdjust: raw.oom_score_adjust,
    ulimit: raw.ulimit,
    shmSizeBytes: raw.shm_size,
    devices: raw.devices,
    deviceCgroupRules: raw.device_cgroup_rules,
    gpus: raw.gpus,
  };
}

/** Reads the privileges of a container on its host. */
function readRights(raw: RawDocker) {
  return {
    privileged: raw.privileged,
    allowedPrivilegedImages: raw.allowed_privileged_images,
    allowedUsers: raw.allowed_users,
    sysctls: raw.sysctls,
    pidMode: raw.pid_mode,
    ipcMode: raw.ipcmode,
    usernsMode: raw.userns_mode,
    isolation: raw.isolation,
    user: raw.user,
    groupAdd: raw.group_add,
    capAdd: raw.cap_add,
    capDrop: raw.cap_drop,
    securityOpt: raw.security_opt,
    runtime: raw.runtime,
  };
}

/** Reads the files and hosts that a container sees. */
function readPlaces(raw: RawDocker) {
  return {
    volumes: raw.volumes,
    disableCache: raw.disable_cache,
    volumesFrom: raw.volumes_from,
    volumeDriver: raw.volume_driver,
    volumeDriverOps: raw.volume_driver_ops,
    volumeKeep: raw.volume_keep,
    cacheDir: raw.cache_dir,
    networkMode: raw.network_mode,
    networkMtu: raw.network_mtu,
    enableIpv6: raw.enable_ipv6,
    macAddress: raw.mac_address,
    links: raw.links,
    hostname: raw.hostname,
    dns: raw.dns,
    dnsSearch: raw.dns_search,
    extraHosts: raw.extra_hosts,
    tmpfs: raw.tmpfs,
  };
}
