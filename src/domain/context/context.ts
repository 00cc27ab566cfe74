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
  /** The failure reason for GitLab. Absent when the runner cannot make sense of the payload. */
  readonly rejectionReason?: FailureReason;
  /** The entry as it was when the job was taken: a reload does not change a running build. */
  readonly runner: RunnerConfig;
  readonly systemId: string;
  /**
   * The values of the job's secrets, each kept as soon as it was fetched. Absent before the first
   * one. Invariant: values are only added, so that every stage sees the same value.
   */
  readonly secretVariables?: readonly JobVariable[];
  /**
   * The variables that the job's scripts passed on by GITLAB_ENV, as `KEY=value`. Absent before
   * they are read. Invariant: they are read once, after the last script, so that all later stages
   * see the same.
   */
  readonly exports?: readonly string[];
  /**
   * The workflow that has asked for the job, perhaps of another node, and so counts the build under
   * its `limit`. Absent in records of 0.1.0.
   */
  readonly runnerWorkflowId?: string;
  /** Smallest number free among this runner's builds on this node. */
  readonly concurrentId: number;
  /**
   * The smallest number free among the builds of one project. It selects the cache and build
   * volumes, which are never shared.
   */
  readonly concurrentProjectId: number;
  /**
   * 16 random hex digits that make the names of this build's containers unique, and tell this offer
   * of the job from another one.
   */
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
  /**
   * The web terminal that was announced to GitLab; absent when there is none. It does not move to
   * another node with the build.
   */
  readonly session?: SessionKeys;
  /** Set when somebody deleted the files of the running build from the node: their path. */
  readonly lostFiles?: string;
  /** Set when the build was taken over from another node. */
  readonly adoption?: Adoption;
  /** Facts of the runner program, for headers and CI_RUNNER_* variables. */
  readonly program: ProgramInfo;
}

/** The facts about the running program that GitLab and jobs are told. */
export interface ProgramInfo {
  readonly name: string;
  readonly version: string;
  readonly revision: string;
  /** `linux/amd64`, in Go's spelling. */
  readonly platform: string;
  /** Host name of the node. */
  readonly hostname: string;
}
