import type { FailureReason } from './outcome.ts';

/** Stages of a build, by the section name the trace shows. `step_<name>` covers payload steps. */
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
  | 'cleanup_file_variables';

/**
 * Where a stage runs: in the job's own container, in the helper's, or in the runner itself, which
 * only says something (`runner`) or fetches and moves things itself (`transfer`).
 */
export type StagePlace = 'build' | 'helper' | 'runner' | 'transfer';

export interface PlannedStage {
  readonly name: StageName;
  readonly place: StagePlace;
  /** How often the stage is tried, by the job's `*_ATTEMPTS` variables (1…10). */
  readonly attempts: number;
}

/**
 * What a build will do, decided once when its job is taken. Public: goes into the workflow, so it
 * holds no variable's value. Stages with nothing to do are not in it.
 */
export interface BuildPlan {
  /** Before anything else, when the job has secrets. */
  readonly secrets?: PlannedStage;
  /** Up to and including the sources, caches and dependencies; then the steps; then the rest. */
  readonly preparation: readonly PlannedStage[];
  readonly steps: readonly PlannedStage[];
  readonly afterScript: PlannedStage | undefined;
  /** What is kept of the build's files. Absent in builds that 0.1.0 has planned. */
  readonly finish?: FinishPlan;
  readonly cleanup: PlannedStage | undefined;
  readonly jobTimeoutMs: number;
  /** Of preparing, when the configuration has one. */
  readonly prepareTimeoutMs?: number;
  /** Of getting the sources, all tries together, when the configuration has one. */
  readonly sourcesTimeoutMs?: number;
  /** Set: a stage is tried again after seconds, not after minutes. */
  readonly hasShortPauses?: true;
  readonly scriptTimeoutMs: number | undefined;
  readonly afterScriptTimeoutMs: number;
  readonly afterScriptIgnoreErrors: boolean;
}

/** Caches first, then artifacts, by how the scripts ended. */
export interface FinishPlan {
  readonly onSuccess: readonly PlannedStage[];
  readonly onFailure: readonly PlannedStage[];
}

/** What an operator may see of a job: goes into workflow inputs and the Temporal UI. No secrets. */
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
  /** Set when the payload cannot be run: the build only says so and fails. */
  readonly rejection: string | undefined;
  /** Absent: the payload makes no sense, which has an exit code of its own. */
  readonly rejectionReason?: FailureReason;
}
