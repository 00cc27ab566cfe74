import type { JobPayload, JobVariable } from '../job/payload.ts';
import type { RunnerConfig } from '../runner/config.ts';
import type { FailureReason } from './outcome.ts';
import type { Adoption } from './failover.ts';

/**
 * Everything that is fixed for a build from the moment its job was handed out. Kept encrypted on
 * the node that took the job; holds secrets, so it never enters a workflow.
 */
export interface BuildContext {
  /** Workflow id of the build, see `buildIdOf`. It is the lock against a second run. */
  readonly buildId: string;
  readonly job: JobPayload;
  /** Why the payload cannot be run, when it cannot: the build says so in the trace and fails. */
  readonly rejection: string | undefined;
  /** What GitLab is told of it. Absent: that the runner cannot make sense of the payload. */
  readonly rejectionReason?: FailureReason;
  /** The entry as it was when the job was taken: a reload does not change a running build. */
  readonly runner: RunnerConfig;
  readonly systemId: string;
  /**
   * What the job's secrets came to, each kept as soon as it was fetched. Absent: none yet.
   * Invariant: only ever added to, so that no stage sees another value than one before it.
   */
  readonly secretVariables?: readonly JobVariable[];
  /**
   * What the job's scripts have handed on by GITLAB_ENV, `KEY=value` each. Absent: not read yet.
   * Invariant: read once, after the last of them, so that all later stages see the same.
   */
  readonly exports?: readonly string[];
  /** Smallest number free among this runner's builds on this node. */
  readonly concurrentId: number;
  /** The same among the builds of one project. Selects the cache and build volumes: never shared. */
  readonly concurrentProjectId: number;
  /** 16 hex digits of chance: makes the names of this build's containers unique. */
  readonly entropy: string;
  readonly correlationId: string;
  /** PEM of the coordinator's CA chain, when it speaks https with a CA that jobs must know. */
  readonly tlsCaPem: string | undefined;
  readonly tlsCertPem: string | undefined;
  readonly tlsKeyPem: string | undefined;
  /** Wall clock, milliseconds, when the coordinator's 201 arrived. */
  readonly receivedAtMs: number;
  /** The same moment by the node's clock that only grows. Absent in records of 0.1.0. */
  readonly receivedMonotonicMs?: number;
  /** Set once somebody has deleted the node's files of the running build: where they were. */
  readonly lostFiles?: string;
  /** Set when the build was another node's before. */
  readonly adoption?: Adoption;
  /** Facts of the runner program, for headers and CI_RUNNER_* variables. */
  readonly program: ProgramInfo;
}

export interface ProgramInfo {
  readonly name: string;
  readonly version: string;
  readonly revision: string;
  /** `linux/amd64`, in Go's spelling. */
  readonly platform: string;
  /** Name of the node, as its host calls itself. */
  readonly hostname: string;
}
