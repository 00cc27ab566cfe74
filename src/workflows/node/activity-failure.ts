import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  TemporalFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import { failureReasonOf } from '../../domain/build/failure-reason.ts';
import { outcomeOfStages } from '../../domain/build/build-outcome.ts';
import type { BuildOutcome, Interruption, StageOutcome } from '../../domain/context/outcome.ts';
import { errorMessage } from '../../domain/error-message.ts';
import { FailureType } from '../../domain/failure.ts';

const FAILURE_TYPES: ReadonlySet<string> = new Set(Object.values(FailureType));

/**
 * Returns the outcome of a stage whose activity failed for good. A cancelled activity was stopped.
 */
export function stageFaultOf(error: unknown): StageOutcome {
  throwBug(error);
  if (isCancellation(error)) return { kind: 'stopped' };
  return { kind: 'system_failed', ...describeFailure(error) };
}

/** Returns the outcome of a build whose activity failed for good. */
export function outcomeOfFailure(
  error: unknown,
  interruption: Interruption | undefined,
): BuildOutcome {
  throwBug(error);
  if (isCancellation(error) || interruption !== undefined) {
    return outcomeOfStages({ kind: 'stopped' }, interruption);
  }
  const { type, message } = describeFailure(error);
  return { state: 'failed', reason: failureReasonOf(type), exitCode: undefined, message };
}

/**
 * Rethrows errors that no activity can cause. A bug blocks the workflow task, so that people see it
 * and a release fixes it. Without this rule the build would report the bug to GitLab as a failed
 * job.
 */
export function throwBug(error: unknown): void {
  if (!(error instanceof TemporalFailure)) throw error;
}

/**
 * Whether a child workflow was not started because its id is in use. Checks the name of the error,
 * because the package for workflows does not export this class.
 */
export function isAlreadyStarted(error: unknown): boolean {
  return error instanceof TemporalFailure && error.name === 'WorkflowExecutionAlreadyStartedError';
}

/** Whether a call was abandoned because the node's process was silent. */
export function isNodeSilent(error: unknown): boolean {
  return timeoutTypeOf(error) === 'HEARTBEAT';
}

/** Whether no process picked up a call in time. */
export function isNotPickedUp(error: unknown): boolean {
  return timeoutTypeOf(error) === 'SCHEDULE_TO_START';
}

/** Whether no process answered a call in time. */
export function isTimeOut(error: unknown): boolean {
  return timeoutTypeOf(error) !== undefined;
}

/** Returns which time-out ended a call; undefined when none did. */
function timeoutTypeOf(error: unknown): TimeoutFailure['timeoutType'] | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof TimeoutFailure ? cause.timeoutType : undefined;
}

/**
 * Whether a call was ended because the node's process was being stopped. Source: sdk-core
 * `worker/activities.rs`, `worker_shutdown_failure`.
 */
export function isProcessStopped(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === 'WorkerShutdown';
}

/** Describes a fault for the operator's log. */
export function reasonOf(error: unknown): string {
  return describeFailure(error).message;
}

function describeFailure(error: unknown): { type: FailureType; message: string } {
  const cause = error instanceof ActivityFailure ? (error.cause ?? error) : error;
  const type = cause instanceof ApplicationFailure ? cause.type : undefined;
  const message = errorMessage(cause);
  return { type: isFailureType(type) ? type : FailureType.RunnerSystem, message };
}

function isFailureType(type: string | null | undefined): type is FailureType {
  return typeof type === 'string' && FAILURE_TYPES.has(type);
}
