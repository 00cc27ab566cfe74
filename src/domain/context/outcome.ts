import { FailureType } from '../failure.ts';

/** `failure_reason` values the coordinator knows. Source: gitlab-runner `common/network.go`. */
export const FAILURE_REASONS = [
  'script_failure',
  'runner_system_failure',
  'job_execution_timeout',
  'image_pull_failure',
  'runner_configuration_error',
  'runner_external_dependency_failure',
  'runner_interrupted',
  'job_canceled',
  'unknown_failure',
] as const;

/** One of {@link FAILURE_REASONS}. */
export type FailureReason = (typeof FAILURE_REASONS)[number];

/**
 * How one stage ended. Transient faults are not listed: activities throw them and Temporal retries.
 */
export type StageOutcome =
  | {
      readonly kind: 'succeeded';
      /**
       * A cache was not saved or restored. The job continues, unless a person wants it to stop
       * then.
       */
      readonly isIncomplete?: true;
    }
  | { readonly kind: 'script_failed'; readonly exitCode: number }
  /** `stopStage` has stopped the stage's container, and its caller knows why. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'system_failed'; readonly type: FailureType; readonly message: string };

/** Returns the outcome of a stage that the runner itself, its disk or Docker has ended. */
export function systemFailure(message: string): StageOutcome {
  return { kind: 'system_failed', type: FailureType.RunnerSystem, message };
}

/** Why a build ended before its script did. */
export type Interruption =
  /** A user pressed cancel: the script stops, after_script still runs. */
  | { readonly kind: 'canceling' }
  /** The coordinator no longer wants this job: stop everything and report nothing. */
  | { readonly kind: 'aborted' }
  | { readonly kind: 'job_timeout'; readonly timeoutMs: number }
  | { readonly kind: 'script_timeout'; readonly timeoutMs: number };

/** The time limits of a build: of the job itself, and of some of its stages. */
export const TIME_LIMITS = ['job', 'script', 'after_script', 'prepare', 'get_sources'] as const;

/** The time limit that a build has exceeded. */
export interface ExceededLimit {
  readonly limit: (typeof TIME_LIMITS)[number];
  /** What the limit was, in milliseconds. */
  readonly timeoutMs: number;
}

/** How a build ended. */
export type BuildOutcome =
  | { readonly state: 'success' }
  | {
      readonly state: 'failed';
      readonly reason: FailureReason;
      /** Exit code of the script, when it caused the failure. Sent to the coordinator unless 0. */
      readonly exitCode: number | undefined;
      /** The end of the trace's last line: `exit code 3`, or the system's fault. */
      readonly message: string;
      /** Set only when the build exceeded a time limit. Absent in notes of releases up to 0.1.0. */
      readonly exceeded?: ExceededLimit;
    }
  | { readonly state: 'canceled' }
  | {
      readonly state: 'aborted';
      /** GitLab took the job back before any of it had begun, and may hand it out again. */
      readonly wasTakenBack?: true;
    };
