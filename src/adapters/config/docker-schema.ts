import { z } from 'zod';
import type { DockerConfig } from '../../domain/runner/config.ts';
import { parseMemoryBytes, parseNanoCpus } from '../../domain/runner/resource-units.ts';
import { flag, integer, table, text, textList, textMap } from './schema-parts.ts';

/** '' is not set. */
const quantity = (parse: (value: string) => number | undefined, expected: string) =>
  z
    .string(expected)
    .transform((value, context) => {
      if (value === '') return undefined;
      const parsed = parse(value);
      if (parsed === undefined) context.addIssue({ code: 'custom', message: expected });
      return parsed === 0 ? undefined : parsed;
    })
    .optional();

const memory = quantity(parseMemoryBytes, 'a size in quotes such as "512m" or "2g"');
const cpus = quantity(parseNanoCpus, 'a number of cores in quotes such as "0.5" or "2"');

const PULL_POLICIES = ['always', 'if-not-present', 'never'] as const;
const pullPolicy = z.enum(PULL_POLICIES, `one of ${PULL_POLICIES.join(', ')}`);
const pullPolicies = z.array(pullPolicy, `a list of ${PULL_POLICIES.join(', ')}`);
const oneOrMorePullPolicies = z.preprocess(
  (value) => (typeof value === 'string' ? [value].filter(Boolean) : value),
  pullPolicies.transform((list) => (list.length === 0 ? ['always' as const] : list)),
);

export const dockerSchema = z.object(
  {
    host: text.default(''),
    tls_cert_path: text.default(''),
    tls_verify: flag.default(false),
    image: text.default(''),
    helper_image: text.default(''),
    pull_policy: oneOrMorePullPolicies.default(['always']),
    allowed_pull_policies: pullPolicies.default([]),
    privileged: flag.default(false),
    volumes: textList.default([]),
    disable_cache: flag.default(false),
    network_mode: text.default(''),
    memory,
    memory_swap: memory,
    memory_reservation: memory,
    cpus,
    cpuset_cpus: text.default(''),
    cpu_shares: integer.default(0),
    user: text.default(''),
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
    runtime: text.default(''),
    container_labels: textMap.default({}),
  },
  table,
);

type RawDocker = z.output<typeof dockerSchema>;

export function readDocker(raw: RawDocker): DockerConfig {
  return {
    host: orUndefined(raw.host),
    tlsCertPath: orUndefined(raw.tls_cert_path),
    tlsVerify: raw.tls_verify,
    image: raw.image,
    helperImage: raw.helper_image,
    pullPolicy: raw.pull_policy,
    allowedPullPolicies: raw.allowed_pull_policies,
    privileged: raw.privileged,
    volumes: raw.volumes,
    disableCache: raw.disable_cache,
    networkMode: raw.network_mode,
    memoryBytes: raw.memory,
    memorySwapBytes: raw.memory_swap,
    memoryReservationBytes: raw.memory_reservation,
    nanoCpus: raw.cpus,
    cpusetCpus: raw.cpuset_cpus,
    cpuShares: raw.cpu_shares,
    user: raw.user,
    hostname: raw.hostname,
    capAdd: raw.cap_add,
    capDrop: raw.cap_drop,
    securityOpt: raw.security_opt,
    dns: raw.dns,
    dnsSearch: raw.dns_search,
    extraHosts: raw.extra_hosts,
    shmSizeBytes: raw.shm_size,
    tmpfs: raw.tmpfs,
    devices: raw.devices,
    runtime: raw.runtime,
    containerLabels: raw.container_labels,
  };
}

/** What gitlab-runner writes for "not set". */
function orUndefined(value: string): string | undefined {
  return value === '' ? undefined : value;
}
