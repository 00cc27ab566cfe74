import { z } from 'zod';
import { parseGoDuration } from '../../domain/job/go-duration.ts';
import { parseMemoryBytes, parseNanoCpus } from '../../domain/runner/resource-units.ts';

// What the keys may hold; each message completes "expected …". Zero values are what gitlab-runner
// writes for "not set", so they mean the default here too.

const text = z.string('a text in quotes');
const integer = z.int('a whole number');
const flag = z.boolean('true or false');
const table = { error: 'a table' };
const textList = z.array(text, 'a list of texts');
const textMap = z.record(z.string(), text, 'a table of texts');
const flagMap = z.record(z.string(), flag, 'a table of true and false');

const orDefault = (fallback: number) =>
  integer.transform((value) => (value > 0 ? value : fallback)).default(fallback);

const durationSeconds = (fallback: number) =>
  z
    .union(
      [integer.transform((nanoseconds) => nanoseconds / 1e9), z.string().transform(readSeconds)],
      {
        error: 'a duration such as "1h30m"',
      },
    )
    .default(fallback);

function readSeconds(value: string, context: z.RefinementCtx): number {
  const durationMs = parseGoDuration(value);
  if (durationMs !== undefined) return durationMs / 1000;
  context.addIssue({ code: 'custom', message: 'a duration such as "1h30m"' });
  return z.NEVER;
}

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

export const customBuildDirSchema = z.object({ enabled: flag.default(true) }, table);

const absoluteDirectory = (fallback: string) =>
  text.transform((value) => (value === '' ? fallback : value)).default(fallback);

export const runnerSchema = z.object(
  {
    name: text.default(''),
    url: text.default(''),
    token: text.default(''),
    id: integer.default(0),
    'tls-ca-file': text.default(''),
    'tls-cert-file': text.default(''),
    'tls-key-file': text.default(''),
    executor: text.default(''),
    limit: orDefault(0),
    request_concurrency: orDefault(1),
    output_limit: orDefault(4096),
    builds_dir: absoluteDirectory('/builds'),
    cache_dir: absoluteDirectory('/cache'),
    clone_url: text.default(''),
    environment: textList.default([]),
    pre_get_sources_script: text.default(''),
    post_get_sources_script: text.default(''),
    pre_build_script: text.default(''),
    post_build_script: text.default(''),
    debug_trace_disabled: flag.default(false),
    unhealthy_requests_limit: orDefault(3),
    unhealthy_interval: durationSeconds(3600),
    feature_flags: flagMap.default({}),
    custom_build_dir: customBuildDirSchema.prefault({}),
    docker: dockerSchema.prefault({}),
  },
  table,
);

export const LOG_LEVELS = ['debug', 'info', 'warn', 'warning', 'error', 'fatal', 'panic'] as const;
export const LOG_FORMATS = ['runner', 'text', 'json'] as const;

export const installationSchema = z.object(
  {
    concurrent: integer.min(1, 'at least 1').default(1),
    check_interval: orDefault(3),
    log_level: z.enum(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`).default('info'),
    log_format: z.enum(LOG_FORMATS, `one of ${LOG_FORMATS.join(', ')}`).default('runner'),
    shutdown_timeout: orDefault(30),
    runners: z.array(runnerSchema, 'tables, each headed [[runners]]').default([]),
  },
  table,
);

export type RawRunner = z.output<typeof runnerSchema>;
export type RawDocker = z.output<typeof dockerSchema>;
