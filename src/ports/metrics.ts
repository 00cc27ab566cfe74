import type { BuildContext } from '../domain/context/context.ts';
import type { BuildOutcome } from '../domain/context/outcome.ts';
import type { Interpolations } from '../domain/job/interpolate-job.ts';
import type { ExecutorStage } from '../domain/metrics/job-state.ts';
import type { RunnerConfig } from '../domain/runner/config.ts';

/**
 * Counts the work of the node. Every call returns at once, never fails, and changes nothing about
 * the work: a node without a metrics server works in the same way.
 */
export interface Metrics {
  /**
   * Counts a request for a job that is sent to GitLab. Call the returned function once, with the
   * end of the request.
   */
  requestBegan(runner: RunnerConfig): (end: RequestEnd) => void;
  /**
   * Counts a request for a job that was due and not sent, because there was no room or Docker or
   * Temporal was away.
   */
  requestSkipped(runner: RunnerConfig): void;
  /** Counts one try of any call to GitLab, which ended with an answer or without one. */
  apiAnswered(runner: RunnerConfig, answer: ApiAnswer): void;
  /** Counts a job that was recorded on this node. */
  jobReceived(context: BuildContext): void;
  /** Counts the texts of a recorded job in which its inputs were inserted. */
  inputsInterpolated(interpolations: Interpolations): void;
  /** Counts a job that GitLab handed out and that could not be recorded. */
  jobRefused(runner: RunnerConfig): void;
  /**
   * Records the stage that a build of this node is at now. Call the returned function once, when
   * the stage has ended.
   */
  stageBegan(context: BuildContext, at: StageAt): () => void;
  /**
   * Counts a job whose result GitLab has, or does not want. Does nothing when the node has forgotten
   * the build.
   */
  jobEnded(context: BuildContext, outcome: BuildOutcome): void;
  /** Forgets the build, because the node has deleted its record. */
  jobReleased(buildId: string): void;
  /** Counts a stage that was begun before and was found again by its container. */
  stageReattached(context: BuildContext): void;
  /** Counts a build of the previous process that continues in this one. */
  buildRecovered(context: BuildContext): void;
  /**
   * Records how many bytes of a build's log GitLab does not have. Call it after each try to send
   * them. Does nothing when the node has forgotten the build.
   */
  traceSent(context: BuildContext, lagBytes: number): void;
}

/** How a request for a job ended. */
export type RequestEnd = 'job' | 'no_job' | 'forbidden' | 'failed';

/** The stage that a build is at. */
export interface StageAt {
  /** The name of the stage: `prepare_executor`, `step_script`, … */
  readonly stage: string;
  readonly executorStage: ExecutorStage;
  /** True: the duration of the stage is recorded too, because the job wants that. */
  readonly isMeasured?: boolean;
}

/** One try of a call to GitLab. */
export interface ApiAnswer {
  readonly method: string;
  /** The part of the address after `api/v4/`. */
  readonly path: string;
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  readonly durationMs: number;
}
