import type { JobAttributes } from './job-attributes.ts';
import type { FailureReason } from './outcome.ts';

/**
 * Stages of a build, by the section names in the trace. `step_<name>` stands for each payload step.
 */
export type StageName =
  | 'resolve_secrets'
  | 'prepare_executor'
  | 'prepare_script'
  | 'get_sources'
  | 'restore_cache'
  | 'download_artifacts'
  | `step_${string}`
  | 'after_script'
  | 'archive_cache'
  | 'archive_cache_on_failure'
  | 'upload_artifacts_on_success'
  | 'upload_artifacts_on_failure'
  | 'cleanup_file_variables'
  | 'wait_for_terminal';

/**
 * Where a stage runs: in the job's container (`build`), in the helper container (`helper`), or in
 * the runner itself, which only prints something (`runner`) or moves files (`transfer`).
 */
export type StagePlace = 'build' | 'helper' | 'runner' | 'transfer';

/** A stage that a build will run. */
export interface PlannedStage {
  readonly name: StageName;
  readonly place: StagePlace;
  /** How often the stage is tried, by the job's `*_ATTEMPTS` variables (1…10). */
  readonly attempts: number;
}

/**
 * What a build will do, decided once when its job is taken. It goes into the workflow, so it
 * contains no variable's value. Stages without work are left out.
 */
export interface BuildPlan {
  /** Runs before anything else, when the job has secrets. */
  readonly secrets?: PlannedStage;
  /** Everything up to the sources, caches and dependencies. The steps follow, then the rest. */
  readonly preparation: readonly PlannedStage[];
  readonly steps: readonly PlannedStage[];
  readonly afterScript: PlannedStage | undefined;
  /** The stages that save the build's files. Absent in builds planned by 0.1.0. */
  readonly finish?: FinishPlan;
  readonly cleanup: PlannedStage | undefined;
  /**
   * Set: the clean-up prints nothing, so GitLab need not wait for it. It runs when the environment
   * is removed, on a node that can do that.
   */
  readonly cleansUpLast?: true;
  /**
   * Set for a job with a web terminal: the build waits at its end until nobody is at the terminal
   * any more.
   */
  readonly terminal?: PlannedStage;
  readonly jobTimeoutMs: number;
  /** Time-out of the preparation, when the configuration sets one. */
  readonly prepareTimeoutMs?: number;
  /** Time-out of getting the sources, all tries together, when the configuration sets one. */
  readonly sourcesTimeoutMs?: number;
  /** Set: the pause between tries of a stage is seconds, not minutes. */
  readonly hasShortPauses?: true;
  readonly scriptTimeoutMs: number | undefined;
  readonly afterScriptTimeoutMs: number;
  readonly afterScriptIgnoreErrors: boolean;
}

/**
 * The protocol of this release: which calls of a build's workflow a node understands. It is written
 * into the build when its job is taken, because a node of an earlier release knows fewer calls.
 * Unlike `patched`, it costs no event.
 */
export const NODE_PROTOCOL = 5;

/** Caches first, then artifacts, depending on how the scripts ended. */
export interface FinishPlan {
  readonly onSuccess: readonly PlannedStage[];
  readonly onFailure: readonly PlannedStage[];
}

/**
 * The part of a job that everybody who sees Temporal may see in the clear. It is masked like the
 * trace, and has no names where the node keeps them secret.
 */
export interface VisibleJob {
  readonly project?: string;
  readonly jobName?: string;
  readonly ref?: string;
  /** Markdown link to the job's page. */
  readonly link?: string;
  /** Absent when Temporal does not know the attributes. */
  readonly attributes?: JobAttributes;
}

/**
 * The facts about a job that an operator may see. They go into workflow inputs and the Temporal UI,
 * so they contain no secrets.
 */
export interface JobSummary {
  readonly buildId: string;
  readonly jobId: number;
  readonly jobName: string;
  readonly jobStage: string;
  readonly projectId: number;
  readonly projectPath: string;
  readonly pipelineId: number;
  readonly ref: string;
  readonly jobUrl: string;
  readonly runnerKey: string;
  readonly runnerName: string;
  readonly plan: BuildPlan;
  /**
   * The entropy of the node's record, which tells this offer of the job from another one. Absent in
   * builds of 0.1.0.
   */
  readonly offer?: string;
  /** The node's {@link NODE_PROTOCOL}. Absent in builds of 0.1.0. */
  readonly protocol?: number;
  /** Absent in builds of 0.1.0. */
  readonly visible?: VisibleJob;
  /** Set when the payload cannot be run: the build prints this and fails. */
  readonly rejection: string | undefined;
  /**
   * The reason for GitLab. Absent when the runner cannot make sense of the payload, which has an
   * exit code of its own.
   */
  readonly rejectionReason?: FailureReason;
}
