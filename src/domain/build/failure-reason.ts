import type { FailureType } from '../failure.ts';
import type { FailureReason } from '../context/outcome.ts';

const REASONS: Readonly<Record<FailureType, FailureReason>> = {
  RunnerConfiguration: 'runner_configuration_error',
  InvalidConfig: 'runner_configuration_error',
  ImagePull: 'image_pull_failure',
  ExternalDependency: 'runner_external_dependency_failure',
  InvalidPayload: 'runner_system_failure',
  RecordLost: 'runner_system_failure',
  RunnerSystem: 'runner_system_failure',
  InvalidArchive: 'script_failure',
};

/**
 * Returns the failure reason that GitLab is told for a final fault. An unusable payload and
 * anything unexpected count as system faults. Source: gitlab-runner `commands/multi.go`
 * (requestJob), `common/build.go` (setTraceStatus), `common/classify_image_pull_failure.go`.
 */
export function failureReasonOf(type: FailureType): FailureReason {
  return REASONS[type];
}

const ALWAYS_SUPPORTED: ReadonlySet<string> = new Set<FailureReason>([
  'script_failure',
  'runner_system_failure',
  'job_execution_timeout',
]);

/**
 * Returns the failure reason in a word that this GitLab knows. The word stays when the payload
 * lists it in `features.failure_reasons`, or when every GitLab knows it. Otherwise it becomes the
 * older reason that it was split from, or `unknown_failure`. Source: gitlab-runner
 * `common/failure_reason_mapper.go`, `common/network.go`.
 */
export function wireFailureReason(
  reason: FailureReason,
  supported: readonly string[],
): FailureReason {
  if (ALWAYS_SUPPORTED.has(reason) || supported.includes(reason)) return reason;
  return olderReason(reason);
}

/** Returns the older reason. Every GitLab knows all older reasons, so one step is enough. */
function olderReason(reason: FailureReason): FailureReason {
  switch (reason) {
    case 'image_pull_failure':
    case 'runner_external_dependency_failure':
      return 'runner_system_failure';
    case 'runner_configuration_error':
      return 'script_failure';
    case 'script_failure':
    case 'runner_system_failure':
    case 'job_execution_timeout':
    case 'runner_interrupted':
    case 'job_canceled':
    case 'unknown_failure':
      return 'unknown_failure';
  }
}
