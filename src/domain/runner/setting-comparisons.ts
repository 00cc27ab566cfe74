import type {
  AzureCacheConfig,
  CacheConfig,
  GcsCacheConfig,
  S3CacheConfig,
} from './cache-config.ts';
import type { SessionServerConfig } from './session-address.ts';
import type { ArtifactConfig } from './artifact-config.ts';
import type { InstallationConfig, RunnerConfig } from './config.ts';
import {
  address,
  amount,
  flag,
  hidden,
  invertedFlag,
  list,
  map,
  shown,
  size,
  table,
  type SettingComparison,
  type SettingComparisons,
} from './setting-comparison.ts';
import type { DockerConfig } from './docker-config.ts';
import type { ConfiguredService, ServicesConfig } from './services-config.ts';

const SECONDS = { suffix: 's' };
const MS_AS_SECONDS = { per: 1000, suffix: 's' };
const CORES = { per: 1e9 };
const KIB = { per: 1024 };

/**
 * Values of `command` and `environment` are hidden, because arguments of programs often contain
 * passwords.
 */
const SERVICE = {
  name: shown('name'),
  alias: shown('alias'),
  command: hidden('command'),
  entrypoint: hidden('entrypoint'),
  environment: hidden('environment'),
} satisfies SettingComparisons<ConfiguredService>;

const SERVICES = {
  list: list('services', SERVICE),
  limit: shown('services_limit'),
  allowed: shown('allowed_services'),
  allowedPrivileged: shown('allowed_privileged_services'),
  privileged: shown('services_privileged'),
  memoryBytes: size('service_memory'),
  memorySwapBytes: size('service_memory_swap'),
  memoryReservationBytes: size('service_memory_reservation'),
  nanoCpus: amount('service_cpus', CORES),
  cpusetCpus: shown('service_cpuset_cpus'),
  cpuShares: amount('service_cpu_shares'),
  cgroupParent: shown('service_cgroup_parent'),
  securityOpt: shown('services_security_opt'),
  tmpfs: map('services_tmpfs', shown),
  devices: map('services_devices', shown),
  gpus: shown('service_gpus'),
  waitTimeoutSeconds: amount('wait_for_services_timeout'),
} satisfies SettingComparisons<ServicesConfig>;

/** Options of volume and log drivers are hidden, because they often contain logins. */
const DOCKER = {
  host: address('host'),
  tlsCertPath: shown('tls_cert_path'),
  tlsVerify: flag('tls_verify'),
  image: shown('image'),
  helperImage: shown('helper_image'),
  helperImageFlavor: shown('helper_image_flavor'),
  pullPolicy: shown('pull_policy'),
  allowedPullPolicies: shown('allowed_pull_policies'),
  allowedImages: shown('allowed_images'),
  privileged: flag('privileged'),
  allowedPrivilegedImages: shown('allowed_privileged_images'),
  allowedUsers: shown('allowed_users'),
  disableEntrypointOverwrite: flag('disable_entrypoint_overwrite'),
  volumes: shown('volumes'),
  disableCache: flag('disable_cache'),
  volumesFrom: shown('volumes_from'),
  volumeDriver: shown('volume_driver'),
  volumeDriverOps: map('volume_driver_ops', hidden),
  volumeKeep: flag('volume_keep'),
  cacheDir: shown('cache_dir'),
  networkMode: shown('network_mode'),
  networkMtu: amount('network_mtu'),
  enableIpv6: flag('enable_ipv6'),
  macAddress: shown('mac_address'),
  links: shown('links'),
  memoryBytes: size('memory'),
  memorySwapBytes: size('memory_swap'),
  memoryReservationBytes: size('memory_reservation'),
  nanoCpus: amount('cpus', CORES),
  cpusetCpus: shown('cpuset_cpus'),
  cpusetMems: shown('cpuset_mems'),
  cpuShares: amount('cpu_shares'),
  cgroupParent: shown('cgroup_parent'),
  oomKillDisable: flag('oom_kill_disable'),
  oomScoreAdjust: amount('oom_score_adjust'),
  ulimit: map('ulimit', shown),
  sysctls: map('sysctls', shown),
  pidMode: shown('pid_mode'),
  ipcMode: shown('ipcmode'),
  usernsMode: shown('userns_mode'),
  isolation: shown('isolation'),
  user: shown('user'),
  groupAdd: shown('group_add'),
  hostname: shown('hostname'),
  capAdd: shown('cap_add'),
  capDrop: shown('cap_drop'),
  securityOpt: shown('security_opt'),
  dns: shown('dns'),
  dnsSearch: shown('dns_search'),
  extraHosts: shown('extra_hosts'),
  shmSizeBytes: amount('shm_size'),
  tmpfs: map('tmpfs', shown),
  devices: shown('devices'),
  deviceCgroupRules: shown('device_cgroup_rules'),
  gpus: shown('gpus'),
  runtime: shown('runtime'),
  containerLabels: map('container_labels', hidden),
  logOptions: map('log_options', hidden),
  services: table('', SERVICES),
} satisfies SettingComparisons<DockerConfig>;

const S3 = {
  serverAddress: address('ServerAddress'),
  accessKey: hidden('AccessKey'),
  secretKey: hidden('SecretKey'),
  sessionToken: hidden('SessionToken'),
  bucketName: shown('BucketName'),
  bucketLocation: shown('BucketLocation'),
  isInsecure: flag('Insecure'),
  authenticationType: shown('AuthenticationType'),
  serverSideEncryption: shown('ServerSideEncryption'),
  serverSideEncryptionKeyId: hidden('ServerSideEncryptionKeyID'),
  isDualStack: shown('DualStack', (value) => String(value !== false)),
  isPathStyle: shown('PathStyle'),
  isAccelerated: flag('Accelerate'),
} satisfies SettingComparisons<S3CacheConfig>;

const GCS = {
  accessId: hidden('AccessID'),
  privateKey: hidden('PrivateKey'),
  credentialsFile: hidden('CredentialsFile'),
  bucketName: shown('BucketName'),
  universeDomain: shown('UniverseDomain'),
} satisfies SettingComparisons<GcsCacheConfig>;

const AZURE = {
  accountName: hidden('AccountName'),
  accountKey: hidden('AccountKey'),
  containerName: shown('ContainerName'),
  storageDomain: shown('StorageDomain'),
} satisfies SettingComparisons<AzureCacheConfig>;

const CACHE = {
  type: shown('Type'),
  path: shown('Path'),
  isShared: flag('Shared'),
  maxUploadedArchiveSizeBytes: amount('MaxUploadedArchiveSize', { unset: '0' }),
  s3: table('s3', S3),
  gcs: table('gcs', GCS),
  azure: table('azure', AZURE),
} satisfies SettingComparisons<CacheConfig>;

const ARTIFACT = {
  uploadTimeoutMs: amount('upload_timeout', MS_AS_SECONDS),
  responseHeaderTimeoutMs: amount('response_header_timeout', MS_AS_SECONDS),
} satisfies SettingComparisons<ArtifactConfig>;

/** `key` is left out, because it is derived from url and token. */
const RUNNER = {
  name: shown('name'),
  url: address('url'),
  token: hidden('token'),
  id: amount('id'),
  tlsCaFile: shown('tls-ca-file'),
  tlsCertFile: shown('tls-cert-file'),
  tlsKeyFile: shown('tls-key-file'),
  executor: shown('executor'),
  limit: amount('limit'),
  requestConcurrency: amount('request_concurrency'),
  outputLimitBytes: amount('output_limit', KIB),
  buildsDir: shown('builds_dir'),
  cacheDir: shown('cache_dir'),
  cloneUrl: address('clone_url'),
  environment: hidden('environment'),
  preGetSourcesScript: hidden('pre_get_sources_script'),
  postGetSourcesScript: hidden('post_get_sources_script'),
  preBuildScript: hidden('pre_build_script'),
  postBuildScript: hidden('post_build_script'),
  debugTraceDisabled: flag('debug_trace_disabled'),
  isDirectoryDistrusted: invertedFlag('safe_directory_checkout'),
  cleansGitConfig: shown('clean_git_config'),
  prepareTimeoutSeconds: amount('prepare_timeout', SECONDS),
  sourcesTimeoutSeconds: amount('get_sources_timeout', SECONDS),
  unhealthyRequestsLimit: amount('unhealthy_requests_limit'),
  unhealthyIntervalSeconds: amount('unhealthy_interval', SECONDS),
  featureFlags: map('feature_flags', shown),
  isClonePathForbidden: invertedFlag('custom_build_dir.enabled'),
  artifact: table('artifact', ARTIFACT),
  cache: table('cache', CACHE),
  docker: table('docker', DOCKER),
} satisfies SettingComparisons<Omit<RunnerConfig, 'key'>>;

/** Compares one `[[runners]]` entry. */
export const RUNNER_COMPARISONS: SettingComparison = table('', RUNNER);

const SESSION_SERVER = {
  listenAddress: shown('listen_address (from the next start on)'),
  advertiseAddress: shown('advertise_address (from the next start on)'),
  timeoutSeconds: amount('session_timeout', SECONDS),
} satisfies SettingComparisons<SessionServerConfig>;

/** Compares the settings above all entries. */
export const GLOBAL_COMPARISONS: SettingComparison = table('', {
  concurrent: amount('concurrent'),
  checkIntervalSeconds: amount('check_interval'),
  logLevel: shown('log_level'),
  logFormat: shown('log_format'),
  shutdownTimeoutSeconds: amount('shutdown_timeout'),
  listenAddress: shown('listen_address (from the next start on)'),
  sessionServer: table('session_server', SESSION_SERVER),
} satisfies SettingComparisons<Omit<InstallationConfig, 'runners'>>);
