import type { BuildContext } from '../domain/context/context.ts';
import type { BuildOutcome } from '../domain/context/outcome.ts';
import type { ExecutorStage } from '../domain/metrics/job-state.ts';
import type { RunnerConfig } from '../domain/runner/config.ts';

/**
 * What the node counts of its work. Every call returns at once, never fails, and changes nothing of
 * what is counted: a node without a metrics server works as one with it.
 */
export interface Metrics {
  /** A request for a job is sent to GitLab. What is returned is called once, with its end. */
  requestBegan(runner: RunnerConfig): (end: RequestEnd) => void;
  /** A request for a job was due and not sent: no room, or Docker or Temporal is away. */
  requestSkipped(runner: RunnerConfig): void;
  /** One try of any call to GitLab has ended, with its answer or without one. */
  apiAnswered(runner: RunnerConfig, answer: ApiAnswer): void;
  /** A job was recorded on this node. */
  jobReceived(context: BuildContext): void;
  /** A job was handed out and could not be recorded. */
  jobRefused(runner: RunnerConfig): void;
  /** A build of this node is at a stage now. What is returned is called once, when it has ended. */
  stageBegan(context: BuildContext, at: StageAt): () => void;
  /** GitLab was told the result, or wants none. */
  jobEnded(context: BuildContext, outcome: BuildOutcome): void;
  /** The node has forgotten the build. */
  jobReleased(buildId: string): void;
  /** A stage that was begun before was found again by its container. */
  stageReattached(context: BuildContext): void;
  /** A build of the process before goes on in this one. */
  buildRecovered(context: BuildContext): void;
  /** How many bytes of a build's log GitLab does not have, after each try to send them. */
  traceSent(context: BuildContext, lagBytes: number): void;
}

/** How a request for a job ended. */
export type RequestEnd = 'job' | 'no_job' | 'forbidden' | 'failed';

/** Where a build is. */
export interface StageAt {
  /** `prepare_executor`, `step_script`, … */
  readonly stage: string;
  readonly executorStage: ExecutorStage;
  /** Its length is counted as well, where the job wants that. */
  readonly isMeasured?: boolean;
}

/** One try of a call to GitLab. */
export interface ApiAnswer {
  readonly method: string;
  /** Below `api/v4/`. */
  readonly path: string;
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  readonly durationMs: number;
}
