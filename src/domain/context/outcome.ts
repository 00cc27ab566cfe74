import type { FailureType } from '../failure.ts';

/** `failure_reason` values the coordinator knows. Source: spec/execution §5, gitlab-runner `common/build.go`. */
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

export type FailureReason = (typeof FAILURE_REASONS)[number];

/** How one stage ended. Faults that pass are not here: they are thrown, and Temporal retries. */
export type StageOutcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'script_failed'; readonly exitCode: number }
  /** The stage's container was stopped by `stopStage`; whoever asked for it knows why. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'system_failed'; readonly type: FailureType; readonly message: string };

/** Why a build ended before its script did. */
export type Interruption =
  /** A user pressed cancel: the script stops, after_script still runs. */
  | { readonly kind: 'canceling' }
  /** The coordinator wants nothing more of this job: stop everything, report nothing. */
  | { readonly kind: 'aborted' }
  | { readonly kind: 'job_timeout'; readonly timeoutMs: number }
  | { readonly kind: 'script_timeout'; readonly timeoutMs: number };

/** How a build ended. */
export type BuildOutcome =
  | { readonly state: 'success' }
  | {
      readonly state: 'failed';
      readonly reason: FailureReason;
      /** Exit code of the script, when one was the cause; sent to the coordinator unless 0. */
      readonly exitCode: number | undefined;
      /** The end of the trace's last line, `exit code 3` or what the system failed at. */
      readonly message: string;
    }
  | { readonly state: 'canceled' }
  | {
      readonly state: 'aborted';
      /** GitLab had taken the job back before anything of it was begun: it may hand it out again. */
      readonly wasTakenBack?: true;
    };
