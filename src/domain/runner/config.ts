import type { ArtifactConfig } from './artifact-config.ts';
import type { CacheConfig } from './cache-config.ts';
import type { DockerConfig } from './docker-config.ts';

export type { DockerConfig, PullPolicy } from './docker-config.ts';

/** The whole config.toml, checked and with defaults. Source: gitlab-runner `common/config.go`. */
export interface InstallationConfig {
  /** Builds alive on one node, over all runners. At least 1. */
  readonly concurrent: number;
  readonly checkIntervalSeconds: number;
  readonly logLevel: string;
  readonly logFormat: 'runner' | 'text' | 'json';
  readonly shutdownTimeoutSeconds: number;
  readonly runners: readonly RunnerConfig[];
}

/** One `[[runners]]` entry. Holds the token: never logged, never handed to a workflow. */
export interface RunnerConfig {
  /** Stable over reloads and restarts, made of url and token by a one-way hash: safe to show. */
  readonly key: string;
  readonly name: string;
  readonly url: string;
  readonly token: string;
  readonly id: number;
  readonly tlsCaFile: string | undefined;
  readonly tlsCertFile: string | undefined;
  readonly tlsKeyFile: string | undefined;
  readonly executor: string;
  /** Builds of this entry at once; 0 is no limit. */
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
  /** `safe_directory_checkout = false`: git is not told to trust the checkout whoever owns it. */
  readonly isDirectoryDistrusted: boolean;
  /** `clean_git_config`. Unset: unless the job brings its own sources. */
  readonly cleansGitConfig: boolean | undefined;
  /** 0: as long as the job. */
  readonly prepareTimeoutSeconds: number;
  /** 0: as long as the job. */
  readonly sourcesTimeoutSeconds: number;
  readonly unhealthyRequestsLimit: number;
  readonly unhealthyIntervalSeconds: number;
  readonly featureFlags: Readonly<Record<string, boolean>>;
  /** Jobs may not choose where they are checked out. */
  readonly isClonePathForbidden: boolean;
  /** Absent in builds that 0.1.0 has recorded. */
  readonly artifact?: ArtifactConfig;
  /** Absent in builds that 0.1.0 has recorded, too. */
  readonly cache?: CacheConfig;
  readonly docker: DockerConfig;
}
