import type { SessionServerConfig } from './session-address.ts';
import type { ArtifactConfig } from './artifact-config.ts';
import type { CacheConfig } from './cache-config.ts';
import type { DockerConfig } from './docker-config.ts';

export type { DockerConfig, PullPolicy } from './docker-config.ts';

/** The whole config.toml, checked and with defaults. Source: gitlab-runner `common/config.go`. */
export interface InstallationConfig {
  /** The greatest number of builds running on one node, over all runners. At least 1. */
  readonly concurrent: number;
  readonly checkIntervalSeconds: number;
  readonly logLevel: string;
  readonly logFormat: 'runner' | 'text' | 'json';
  readonly shutdownTimeoutSeconds: number;
  /**
   * Address of the metrics server, `host:port`. Absent or empty when there is none. It is not
   * reloaded.
   */
  readonly listenAddress?: string;
  /** Absent when there is none. Only its time-out is reloaded. */
  readonly sessionServer?: SessionServerConfig;
  readonly runners: readonly RunnerConfig[];
}

/** One `[[runners]]` entry. Contains the token: never logged, never passed to a workflow. */
export interface RunnerConfig {
  /** The same after reloads and restarts. A one-way hash of url and token, so it may be shown. */
  readonly key: string;
  readonly name: string;
  readonly url: string;
  readonly token: string;
  readonly id: number;
  readonly tlsCaFile: string | undefined;
  readonly tlsCertFile: string | undefined;
  readonly tlsKeyFile: string | undefined;
  readonly executor: string;
  /** The greatest number of builds of this entry; 0 is no limit. */
  readonly limit: number;
  readonly requestConcurrency: number;
  readonly outputLimitBytes: number;
  /** Absolute path in the container, `/builds` unless set. */
  readonly buildsDir: string;
  readonly cacheDir: string;
  readonly cloneUrl: string;
  /** `KEY=value` lines: variables of lowest precedence. */
  readonly environment: readonly string[];
  readonly preGetSourcesScript: string;
  readonly postGetSourcesScript: string;
  readonly preBuildScript: string;
  readonly postBuildScript: string;
  readonly debugTraceDisabled: boolean;
  /** `safe_directory_checkout = false`: git is not told to trust the checkout of any owner. */
  readonly isDirectoryDistrusted: boolean;
  /** `clean_git_config`. Unset: true, unless the job has its own sources. */
  readonly cleansGitConfig: boolean | undefined;
  /** 0 means the time-out of the job. */
  readonly prepareTimeoutSeconds: number;
  /** 0 means the time-out of the job. */
  readonly sourcesTimeoutSeconds: number;
  readonly unhealthyRequestsLimit: number;
  readonly unhealthyIntervalSeconds: number;
  readonly featureFlags: Readonly<Record<string, boolean>>;
  /** True: jobs may not choose their checkout directory. */
  readonly isClonePathForbidden: boolean;
  /** Absent in builds recorded by 0.1.0. */
  readonly artifact?: ArtifactConfig;
  /** Absent in builds recorded by 0.1.0. */
  readonly cache?: CacheConfig;
  readonly docker: DockerConfig;
}
