import { NO_HOST_FIELDS, type HostFields } from './host-fields.ts';
import { NO_SERVICES_CONFIG, type ServicesConfig } from './services-config.ts';

/** When an image is pulled. Source: `pull_policy` of `[runners.docker]`. */
export type PullPolicy = 'always' | 'if-not-present' | 'never';

/** `[runners.docker]`. Source: gitlab-runner `common/config.go` (DockerConfig). */
export interface DockerConfig extends HostFields {
  readonly host: string | undefined;
  readonly tlsCertPath: string | undefined;
  readonly tlsVerify: boolean;
  readonly image: string;
  readonly helperImage: string;
  /** Flavor of the official helper image; '' is `alpine`. */
  readonly helperImageFlavor: string;
  /** Empty: `always`. */
  readonly pullPolicy: readonly PullPolicy[];
  readonly allowedPullPolicies: readonly PullPolicy[];
  /** Globs; an empty list allows every image. */
  readonly allowedImages: readonly string[];
  /** Globs; an empty list allows every image. */
  readonly allowedPrivilegedImages: readonly string[];
  readonly allowedUsers: readonly string[];
  readonly disableEntrypointOverwrite: boolean;
  readonly volumes: readonly string[];
  readonly disableCache: boolean;
  readonly volumeDriverOps: Readonly<Record<string, string>>;
  /** True: anonymous volumes of a container are kept when it is removed. */
  readonly volumeKeep: boolean;
  /** Host directory that contains cache volumes; '' uses Docker's volumes. */
  readonly cacheDir: string;
  /** MTU of the build's own network; 0 keeps Docker's default. */
  readonly networkMtu: number;
  readonly enableIpv6: boolean;
  /** `soft[:hard]` by name. */
  readonly ulimit: Readonly<Record<string, string>>;
  readonly user: string;
  /** In the syntax of `docker run --gpus`. */
  readonly gpus: string;
  readonly containerLabels: Readonly<Record<string, string>>;
  readonly services: ServicesConfig;
}

/** An empty `[runners.docker]`. It also supplies fields that a record of an older release lacks. */
export const DOCKER_DEFAULTS: DockerConfig = {
  ...NO_HOST_FIELDS,
  host: undefined,
  tlsCertPath: undefined,
  tlsVerify: false,
  image: '',
  helperImage: '',
  helperImageFlavor: '',
  pullPolicy: [],
  allowedPullPolicies: [],
  allowedImages: [],
  allowedPrivilegedImages: [],
  allowedUsers: [],
  disableEntrypointOverwrite: false,
  volumes: [],
  disableCache: false,
  volumeDriverOps: {},
  volumeKeep: false,
  cacheDir: '',
  networkMtu: 0,
  enableIpv6: false,
  ulimit: {},
  user: '',
  gpus: '',
  containerLabels: {},
  services: NO_SERVICES_CONFIG,
};
