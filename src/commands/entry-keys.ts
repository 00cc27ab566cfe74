/** What the text of an option becomes. The last three are tables. */
type EntryKind = 'text' | 'count' | 'integer' | 'flag' | 'list' | 'texts' | 'flags' | 'lists';

interface OptionNames {
  readonly flag: string;
  /** Absent where gitlab-runner has no variable. */
  readonly env?: string | undefined;
}

/** A key of a `[[runners]]` entry that an option of `register`, or the option's variable, sets. */
export interface EntryKey extends OptionNames {
  readonly key: string;
  readonly kind: EntryKind;
  /** Whether only earlier versions of this program named the option so. */
  readonly isOldName?: boolean;
}

interface NameRule {
  readonly flag: string;
  readonly env: string;
  readonly odd?: Readonly<Record<string, Partial<OptionNames>>>;
}

const CREDENTIALS: NameRule = { flag: '--', env: 'CI_SERVER_' };
const RUNNER: NameRule = {
  flag: '--',
  env: 'RUNNER_',
  odd: {
    clone_url: { env: 'CLONE_URL' },
    environment: { flag: '--env', env: 'RUNNER_ENV' },
    feature_flags: { env: 'FEATURE_FLAGS' },
    unhealthy_interval: { env: undefined },
  },
};
const DOCKER: NameRule = {
  flag: '--docker-',
  env: 'DOCKER_',
  odd: {
    tls_cert_path: { flag: '--docker-cert-path', env: 'DOCKER_CERT_PATH' },
    tls_verify: { flag: '--docker-tlsverify' },
    userns_mode: { flag: '--docker-userns' },
    ipcmode: { env: 'DOCKER_IPC_MODE' },
    allowed_users: { flag: '--docker-allowed_users' },
    services_privileged: { flag: '--docker-services_privileged' },
    services_devices: { flag: '--docker-services_devices' },
    service_gpus: { flag: '--docker-service_gpus' },
    container_labels: { env: undefined },
    network_mtu: { env: undefined },
    enable_ipv6: { env: undefined },
  },
};
const CACHE: NameRule = {
  flag: '--cache-',
  env: 'CACHE_',
  odd: {
    MaxUploadedArchiveSize: {
      flag: '--cache-max_uploaded_archive_size',
      env: 'CACHE_MAXIMUM_UPLOADED_ARCHIVE_SIZE',
    },
  },
};
const S3: NameRule = {
  flag: '--cache-s3-',
  env: 'CACHE_S3_',
  odd: { AuthenticationType: { flag: '--cache-s3-authentication_type' } },
};
const GCS: NameRule = {
  flag: '--cache-gcs-',
  env: 'CACHE_GCS_',
  odd: { CredentialsFile: { env: 'GOOGLE_APPLICATION_CREDENTIALS' } },
};
const AZURE: NameRule = { flag: '--cache-azure-', env: 'CACHE_AZURE_' };

const RUNNER_KEYS: readonly EntryKey[] = [
  ...keys('text', CREDENTIALS, 'tls-ca-file tls-cert-file tls-key-file'),
  ...keys('count', RUNNER, 'limit request_concurrency output_limit unhealthy_requests_limit'),
  ...keys('text', RUNNER, 'unhealthy_interval prepare_timeout get_sources_timeout'),
  ...keys('text', RUNNER, 'builds_dir cache_dir clone_url'),
  ...keys('list', RUNNER, 'environment'),
  ...keys('text', RUNNER, 'pre_get_sources_script post_get_sources_script'),
  ...keys('text', RUNNER, 'pre_build_script post_build_script'),
  ...keys('flag', RUNNER, 'debug_trace_disabled safe_directory_checkout clean_git_config'),
  ...keys('flags', RUNNER, 'feature_flags'),
];

const OLD_DOCKER_NAMES: readonly EntryKey[] = [
  { key: 'tls_verify', kind: 'flag', flag: '--docker-tls-verify', isOldName: true },
  {
    ...{ key: 'tls_cert_path', kind: 'text', isOldName: true },
    ...{ flag: '--docker-tls-cert-path', env: 'DOCKER_TLS_CERT_PATH' },
  },
];

const DOCKER_KEYS: readonly EntryKey[] = [
  ...OLD_DOCKER_NAMES,
  ...keys('text', DOCKER, 'host tls_cert_path image helper_image helper_image_flavor runtime user'),
  ...keys('flag', DOCKER, 'tls_verify privileged disable_entrypoint_overwrite disable_cache'),
  ...keys('list', DOCKER, 'pull_policy allowed_pull_policies allowed_images allowed_users'),
  ...keys('list', DOCKER, 'allowed_privileged_images group_add cap_add cap_drop security_opt'),
  ...keys('list', DOCKER, 'volumes volumes_from devices device_cgroup_rules'),
  ...keys('text', DOCKER, 'volume_driver cache_dir isolation gpus'),
  ...keys('flag', DOCKER, 'volume_keep oom_kill_disable enable_ipv6'),
  ...keys('text', DOCKER, 'network_mode mac_address hostname pid_mode ipcmode userns_mode'),
  ...keys('list', DOCKER, 'links dns dns_search extra_hosts'),
  ...keys('text', DOCKER, 'memory memory_swap memory_reservation'),
  ...keys('text', DOCKER, 'cpus cpuset_cpus cpuset_mems cgroup_parent'),
  ...keys('count', DOCKER, 'cpu_shares shm_size network_mtu'),
  ...keys('integer', DOCKER, 'oom_score_adjust'),
  ...keys('texts', DOCKER, 'volume_driver_ops ulimit sysctls tmpfs container_labels log_options'),
];

const SERVICES_KEYS: readonly EntryKey[] = [
  ...keys('integer', DOCKER, 'services_limit wait_for_services_timeout'),
  ...keys('list', DOCKER, 'allowed_services allowed_privileged_services services_security_opt'),
  ...keys('flag', DOCKER, 'services_privileged'),
  ...keys('text', DOCKER, 'service_memory service_memory_swap service_memory_reservation'),
  ...keys('text', DOCKER, 'service_cpus service_cpuset_cpus service_cgroup_parent service_gpus'),
  ...keys('count', DOCKER, 'service_cpu_shares'),
  ...keys('texts', DOCKER, 'services_tmpfs'),
  ...keys('lists', DOCKER, 'services_devices'),
];

/**
 * The keys with an option by the names of their tables.
 *
 * **Source:** gitlab-runner 19.4, `common/config.go`, `cache/cacheconfig/cacheconfig.go` and
 * `helpers/docker/credentials.go`.
 */
export const ENTRY_KEYS = {
  runners: RUNNER_KEYS,
  docker: [...DOCKER_KEYS, ...SERVICES_KEYS],
  custom_build_dir: keys(
    'flag',
    { flag: '--custom_build_dir-', env: 'CUSTOM_BUILD_DIR_' },
    'enabled',
  ),
  cache: [
    ...keys('text', CACHE, 'Type Path'),
    ...keys('flag', CACHE, 'Shared'),
    ...keys('count', CACHE, 'MaxUploadedArchiveSize'),
  ],
  s3: [
    ...keys('text', S3, 'ServerAddress AccessKey SecretKey SessionToken BucketName BucketLocation'),
    ...keys('text', S3, 'AuthenticationType ServerSideEncryption ServerSideEncryptionKeyID'),
    ...keys('flag', S3, 'Insecure DualStack PathStyle Accelerate'),
  ],
  gcs: keys('text', GCS, 'AccessID PrivateKey CredentialsFile BucketName UniverseDomain'),
  azure: keys('text', AZURE, 'AccountName AccountKey ContainerName StorageDomain'),
} as const satisfies Readonly<Record<string, readonly EntryKey[]>>;

function keys(kind: EntryKind, { flag, env, odd }: NameRule, all: string): readonly EntryKey[] {
  return all.split(' ').map((key) => {
    const words = key.replace(/(?<=[a-z])(?=[A-Z])/g, '_').replaceAll('-', '_');
    return {
      ...{ key, kind },
      flag: `${flag}${words.toLowerCase().replaceAll('_', '-')}`,
      env: `${env}${words.toUpperCase()}`,
      ...odd?.[key],
    };
  });
}
