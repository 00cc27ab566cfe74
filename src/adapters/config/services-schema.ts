import { z } from 'zod';
import { DEFAULT_WAIT_SECONDS, type ServicesConfig } from '../../domain/runner/services-config.ts';
import {
  cpus,
  flag,
  integer,
  limitSeconds,
  memory,
  table,
  text,
  textList,
  textMap,
} from './schema-parts.ts';

/** One `[[runners.docker.services]]`. */
export const serviceSchema = z.object(
  {
    name: text.default(''),
    alias: text.default(''),
    command: textList.default([]),
    entrypoint: textList.default([]),
    environment: textList.default([]),
  },
  table,
);

/** The keys of `[runners.docker]` that concern services only. */
export const servicesShape = {
  services: z.array(serviceSchema, 'tables, each headed [[runners.docker.services]]').default([]),
  // 0 is a real limit here: no services at all.
  services_limit: integer.optional(),
  allowed_services: textList.default([]),
  allowed_privileged_services: textList.default([]),
  // false has a meaning here. A key that is not set takes the value of `privileged`.
  services_privileged: flag.optional(),
  service_memory: memory,
  service_memory_swap: memory,
  service_memory_reservation: memory,
  service_cpus: cpus,
  service_cpuset_cpus: text.default(''),
  service_cpu_shares: integer.default(0),
  service_cgroup_parent: text.default(''),
  services_security_opt: textList.default([]),
  services_tmpfs: textMap.default({}),
  services_devices: z.record(z.string(), textList, 'a table of lists of texts').default({}),
  service_gpus: text.default(''),
  wait_for_services_timeout: integer.transform(limitSeconds).default(DEFAULT_WAIT_SECONDS),
};

type RawServices = z.output<z.ZodObject<typeof servicesShape>>;

export function readServices(raw: RawServices): ServicesConfig {
  const { services_limit: limit, wait_for_services_timeout: waitSeconds } = raw;
  return {
    list: raw.services,
    limit: limit === undefined || limit < 0 ? undefined : limit,
    allowed: raw.allowed_services,
    allowedPrivileged: raw.allowed_privileged_services,
    privileged: raw.services_privileged,
    memoryBytes: raw.service_memory,
    memorySwapBytes: raw.service_memory_swap,
    memoryReservationBytes: raw.service_memory_reservation,
    nanoCpus: raw.service_cpus,
    cpusetCpus: raw.service_cpuset_cpus,
    cpuShares: raw.service_cpu_shares,
    cgroupParent: raw.service_cgroup_parent,
    securityOpt: raw.services_security_opt,
    tmpfs: raw.services_tmpfs,
    devices: raw.services_devices,
    gpus: raw.service_gpus,
    waitTimeoutSeconds: waitSeconds === 0 ? DEFAULT_WAIT_SECONDS : waitSeconds,
  };
}
