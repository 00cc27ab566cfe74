import type { JobPayload, JobVariable } from '../job/payload.ts';
import type { SessionKeys } from '../session/session.ts';
import type { RunnerConfig } from '../runner/config.ts';
import type { FailureReason } from './outcome.ts';
import type { Adoption } from './failover.ts';

/**
 * Everything that is fixed for a build once its job is handed out. Kept encrypted on the node that
 * took the job. Contains secrets, so it never enters a workflow.
 */
export interface BuildContext {
  /**
   * Workflow id of the build, see `buildIdOf`. Temporal allows one workflow per id, which prevents
   * a second run.
   */
  readonly buildId: string;
  readonly job: JobPayload;
  /**
   * Why the payload cannot be run; undefined when it can. The build prints this in the trace and
   * fails.
   */
  readonly rejection: string | undefined;
  /** The failure reason for GitLab. Absent: the payload makes no sense to the runner. */
  readonly rejectionReason?: FailureReason;
  /** The entry as it was when the job was taken: a reload does not change a running build. */
  readonly runner: RunnerConfig;
  readonly systemId: string;
  /**
   * The values of the job's secrets, each kept as soon as it was fetched. Absent: none yet.
   * Invariant: values are only added, so that every stage sees the same value.
   */
  readonly secretVariables?: readonly JobVariable[];
  /**
   * The variables that the job's scripts handed on by GITLAB_ENV, as `KEY=value`. Absent: not read
   * yet. Invariant: read once, after the last script, so that all later stages see the same.
   */
  readonly exports?: readonly string[];
  /** Smallest number free among this runner's builds on this node. */
  readonly concurrentId: number;
  /** The same among the builds of one project. Selects the cache and build volumes: never shared. */
  readonly concurrentProjectId: number;
  /** 16 random hex digits that make the names of this build's containers unique. */
  readonly entropy: string;
  readonly correlationId: string;
  /** PEM of the coordinator's CA chain, when it speaks https with a CA that jobs must know. */
  readonly tlsCaPem: string | undefined;
  readonly tlsCertPem: string | undefined;
  readonly tlsKeyPem: string | undefined;
  /** Wall clock, milliseconds, when the coordinator's 201 arrived. */
  readonly receivedAtMs: number;
  /** The same moment by the node's monotonic clock. Absent in records of 0.1.0. */
  readonly receivedMonotonicMs?: number;
  /** Its web terminal as GitLab was told. Absent: none. It does not follow the build to another node. */
  readonly session?: SessionKeys;
  /** Set when somebody deleted the files of the running build from the node: their path. */
  readonly lostFiles?: string;
  /** Set when the build was taken over from another node. */
  readonly adoption?: Adoption;
  /** Facts of the runner program, for headers and CI_RUNNER_* variables. */
  readonly program: ProgramInfo;
}

/** The running program, as GitLab and jobs are told about it. */
export interface ProgramInfo {
  readonly name: string;
  readonly version: string;
  readonly revision: string;
  /** `linux/amd64`, in Go's spelling. */
  readonly platform: string;
  /** Host name of the node. */
  readonly hostname: string;
}
