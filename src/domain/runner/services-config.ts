/** One `[[runners.docker.services]]`: a service of every job. */
export interface ConfiguredService {
  /** Image, and aliases by space or comma: variables in both are expanded for each job. */
  readonly name: string;
  readonly alias: string;
  readonly command: readonly string[];
  readonly entrypoint: readonly string[];
  /** `KEY=value` */
  readonly environment: readonly string[];
}

/**
 * What `[runners.docker]` says of services. Source: gitlab-runner `common/config.go`,
 * spec/docker-executor §1.
 */
export interface ServicesConfig {
  /** Run before a job's own. */
  readonly list: readonly ConfiguredService[];
  /** Of both together; undefined is no limit. */
  readonly limit: number | undefined;
  readonly allowed: readonly string[];
  readonly allowedPrivileged: readonly string[];
  /** undefined: as the containers of the job. */
  readonly privileged: boolean | undefined;
  readonly memoryBytes: number | undefined;
  readonly memorySwapBytes: number | undefined;
  readonly memoryReservationBytes: number | undefined;
  readonly nanoCpus: number | undefined;
  readonly cpusetCpus: string;
  readonly cpuShares: number;
  readonly cgroupParent: string;
  readonly securityOpt: readonly string[];
  readonly tmpfs: Readonly<Record<string, string>>;
  /** By patterns of images. */
  readonly devices: Readonly<Record<string, readonly string[]>>;
  /** As in `docker run --gpus`; '' is none. */
  readonly gpus: string;
  /** How long a service may take to listen; negative: nobody looks. */
  readonly waitTimeoutSeconds: number;
}

/** gitlab-runner's own. */
export const DEFAULT_WAIT_SECONDS = 30;

/** As if nothing were said. */
export const NO_SERVICES_CONFIG: ServicesConfig = {
  list: [],
  limit: undefined,
  allowed: [],
  allowedPrivileged: [],
  privileged: undefined,
  memoryBytes: undefined,
  memorySwapBytes: undefined,
  memoryReservationBytes: undefined,
  nanoCpus: undefined,
  cpusetCpus: '',
  cpuShares: 0,
  cgroupParent: '',
  securityOpt: [],
  tmpfs: {},
  devices: {},
  gpus: '',
  waitTimeoutSeconds: DEFAULT_WAIT_SECONDS,
};
