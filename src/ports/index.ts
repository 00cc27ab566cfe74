import type { ProgramInfo } from '../domain/context/context.ts';
import type { AuthSource } from '../domain/executor/registry-auth.ts';
import type { RunnerConfig } from '../domain/runner/config.ts';
import type { Digests } from '../domain/runner/digests.ts';
import type { BuildStore } from './build-store.ts';
import type { CacheStore } from './cache-store.ts';
import type { CacheUses } from './cache-volumes.ts';
import type { Clock } from './clock.ts';
import type { ConfigSource } from './config-source.ts';
import type { ContainerEngine } from './container-engine.ts';
import type { Coordinator } from './coordinator.ts';
import type { CredentialPrograms } from './credential-programs.ts';
import type { EncryptedJobs } from './encrypted-jobs.ts';
import type { Archives, RunningDigest } from './files.ts';
import type { HostFiles } from './host-files.ts';
import type { Leases } from './leases.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { NodeCapacity } from './node-capacity.ts';
import type { Randomness } from './randomness.ts';
import type { SecretStore } from './secret-store.ts';
import type { Sessions } from './sessions.ts';
import type { TemporalHealth } from './temporal-health.ts';
import type { TraceSpool } from './trace-spool.ts';
import type { Visibility } from './visibility.ts';
import type { Workflows } from './workflows.ts';

export type * from './build-store.ts';
export type * from './cache-store.ts';
export type * from './cache-volumes.ts';
export type * from './clock.ts';
export type * from './config-source.ts';
export type * from './container-engine.ts';
export type * from './coordinator.ts';
export type * from './credential-programs.ts';
export type * from './encrypted-jobs.ts';
export type * from './files.ts';
export type * from './host-files.ts';
export type * from './leases.ts';
export type * from './log.ts';
export type * from './metrics.ts';
export type * from './node-capacity.ts';
export type * from './randomness.ts';
export type * from './secret-store.ts';
export type * from './services.ts';
export type * from './sessions.ts';
export type * from './temporal-health.ts';
export type * from './terminals.ts';
export type * from './trace-spool.ts';
export type * from './visibility.ts';
export type * from './workflows.ts';

/**
 * Everything that activities need from the world, as types. Adapters implement them, and
 * `worker.ts` passes them in. A function takes only those that it uses, by `Pick<Ports, …>`.
 */
export interface Ports {
  readonly config: ConfigSource;
  readonly coordinator: (runner: RunnerConfig) => Coordinator;
  readonly engine: (runner: RunnerConfig) => ContainerEngine;
  readonly builds: BuildStore;
  readonly archives: Archives;
  readonly hostFiles: HostFiles;
  /** Returns undefined when the entry configures no store for caches. */
  readonly cacheStore: (runner: RunnerConfig) => CacheStore | undefined;
  readonly cacheUses: CacheUses;
  readonly capacity: NodeCapacity;
  readonly traces: TraceSpool;
  readonly secrets: SecretStore;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly program: ProgramInfo;
  readonly systemId: string;
  readonly nodeQueue: string;
  readonly encryptedJobs: EncryptedJobs;
  readonly leases: Leases;
  readonly temporalHealth: TemporalHealth;
  readonly workflows: Pick<Workflows, 'cancel' | 'signal'>;
  readonly visibility: Visibility;
  /** See {@link FailoverPlan.waitMs}. */
  readonly nodeWaitMs: number;
  readonly digests: Digests;
  /** Starts the digest of one content. */
  readonly runningSha256: () => RunningDigest;
  /**
   * Registry credentials of the user that runs this program, the best first. Never throws: see their
   * `problem`.
   */
  readonly registryAuthFiles: () => Promise<readonly AuthSource[]>;
  readonly credentialPrograms: CredentialPrograms;
}
