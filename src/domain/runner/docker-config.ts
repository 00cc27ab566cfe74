import { NO_LIMITS, type ContainerLimits } from './container-limits.ts';
import { NO_SERVICES_CONFIG, type ServicesConfig } from './services-config.ts';

/** When an image is pulled. Source: `pull_policy` of `[runners.docker]`. */
export type PullPolicy = 'always' | 'if-not-present' | 'never';

/** `[runners.docker]`. Source: gitlab-runner `common/config.go` (DockerConfig). */
export interface DockerConfig extends ContainerLimits {
  readonly host: string | undefined;
  readonly tlsCertPath: string | undefined;
  readonly tlsVerify: boolean;
  readonly image: string;
  readonly helperImage: string;
  /** Flavor of the official helper image; '' is `alpine`. */
  readonly helperImageFlavor: string;
  readonly pullPolicy: readonly PullPolicy[];
  readonly allowedPullPolicies: readonly PullPolicy[];
  /** Globs; an empty list allows every image. */
  readonly allowedImages: readonly string[];
  readonly privileged: boolean;
  /** Globs; an empty list allows every image. */
  readonly allowedPrivilegedImages: readonly string[];
  readonly allowedUsers: readonly string[];
  readonly disableEntrypointOverwrite: boolean;
  readonly volumes: readonly string[];
  readonly disableCache: boolean;
  readonly volumesFrom: readonly string[];
  readonly volumeDriver: string;
  readonly volumeDriverOps: Readonly<Record<string, string>>;
  /** True: anonymous volumes of a container are kept when it is removed. */
  readonly volumeKeep: boolean;
  /** Host directory that contains cache volumes; '' uses Docker's volumes. */
  readonly cacheDir: string;
  readonly networkMode: string;
  /** MTU of the build's own network; 0 keeps Docker's default. */
  readonly networkMtu: number;
  readonly enableIpv6: boolean;
  readonly macAddress: string;
  readonly links: readonly string[];
  readonly cpusetMems: string;
  readonly oomKillDisable: boolean;
  readonly oomScoreAdjust: number;
  /** `soft[:hard]` by name. */
  readonly ulimit: Readonly<Record<string, string>>;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly pidMode: string;
  readonly ipcMode: string;
  readonly usernsMode: string;
  readonly isolation: string;
  readonly user: string;
  readonly groupAdd: readonly string[];
  readonly hostname: string;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes: number;
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly devices: readonly string[];
  readonly deviceCgroupRules: readonly string[];
  /** In the syntax of `docker run --gpus`. */
  readonly gpus: string;
  readonly runtime: string;
  readonly containerLabels: Readonly<Record<string, string>>;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly services: ServicesConfig;
}

/** An empty `[runners.docker]`. It also supplies fields that a record of an older release lacks. */
export const DOCKER_DEFAULTS: DockerConfig = {
  ...NO_LIMITS,
  host: undefined,
  tlsCertPath: undefined,
  tlsVerify: false,
  image: '',
  helperImage: '',
  helperImageFlavor: '',
  pullPolicy: ['always'],
  allowedPullPolicies: [],
  allowedImages: [],
  privileged: false,
  allowedPrivilegedImages: [],
  allowedUsers: [],
  disableEntrypointOverwrite: false,
  volumes: [],
  disableCache: false,
  volumesFrom: [],
  volumeDriver: '',
  volumeDriverOps: {},
  volumeKeep: false,
  cacheDir: '',
  networkMode: '',
  networkMtu: 0,
  enableIpv6: false,
  macAddress: '',
  links: [],
  cpusetMems: '',
  oomKillDisable: false,
  oomScoreAdjust: 0,
  ulimit: {},
  sysctls: {},
  pidMode: '',
  ipcMode: '',
  usernsMode: '',
  isolation: '',
  user: '',
  groupAdd: [],
  hostname: '',
  capAdd: [],
  capDrop: [],
  securityOpt: [],
  dns: [],
  dnsSearch: [],
  extraHosts: [],
  shmSizeBytes: 0,
  tmpfs: {},
  devices: [],
  deviceCgroupRules: [],
  gpus: '',
  runtime: '',
  containerLabels: {},
  logOptions: {},
  services: NO_SERVICES_CONFIG,
};
