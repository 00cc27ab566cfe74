import { NO_LIMITS, type ContainerLimits } from './container-limits.ts';

/** One `[[runners.docker.services]]`: a service of every job. */
export interface ConfiguredService {
  /**
   * Image, and aliases separated by space or comma. Variables in both are expanded for each job.
   */
  readonly name: string;
  readonly alias: string;
  readonly command: readonly string[];
  readonly entrypoint: readonly string[];
  /** Each is `KEY=value`. */
  readonly environment: readonly string[];
}

/** The keys of `[runners.docker]` about services. Source: gitlab-runner `common/config.go`. */
export interface ServicesConfig extends ContainerLimits {
  /** Services that start before the job's own. */
  readonly list: readonly ConfiguredService[];
  /** Limit for both together; undefined is no limit. */
  readonly limit: number | undefined;
  readonly allowed: readonly string[];
  readonly allowedPrivileged: readonly string[];
  /** undefined means the same as for the job's containers. */
  readonly privileged: boolean | undefined;
  readonly securityOpt: readonly string[];
  readonly tmpfs: Readonly<Record<string, string>>;
  /** Devices, by image patterns. */
  readonly devices: Readonly<Record<string, readonly string[]>>;
  /** In the syntax of `docker run --gpus`; '' is none. */
  readonly gpus: string;
  /** How long a service may take to listen, in seconds; negative: not checked. */
  readonly waitTimeoutSeconds: number;
}

/** The default of gitlab-runner. */
export const DEFAULT_WAIT_SECONDS = 30;

/** The values of a configuration without any key about services. */
export const NO_SERVICES_CONFIG: ServicesConfig = {
  ...NO_LIMITS,
  list: [],
  limit: undefined,
  allowed: [],
  allowedPrivileged: [],
  privileged: undefined,
  securityOpt: [],
  tmpfs: {},
  devices: {},
  gpus: '',
  waitTimeoutSeconds: DEFAULT_WAIT_SECONDS,
};
