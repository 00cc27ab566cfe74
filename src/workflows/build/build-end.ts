import {
  ApplicationFailure,
  CancelledFailure,
  CancellationScope,
  condition,
  log,
  patched,
} from '@temporalio/workflow';
import { describeEnd } from '../../domain/build/end-text.ts';
import { withClearMessage } from '../../domain/clear-text.ts';
import type { BuildOutcome } from '../../domain/context/outcome.ts';
import { reasonOf, throwBug } from '../node/activity-failure.ts';
import { markEndOfBuild } from './end-mark.ts';

export interface BuildEnding {
  readonly outcome: BuildOutcome;
  /** The first stage that did not succeed. */
  readonly stage: string | undefined;
  /** Asks Temporal to cancel this very workflow. */
  markCanceled(): Promise<void>;
}

/**
 * The cancel request normally arrives together with the answer of the activity that asked for it.
 */
const CANCEL_LIMIT_MS = 10_000;

/**
 * Tells whether somebody has asked Temporal to cancel this workflow. Call it outside of any
 * cancellation scope.
 */
export function watchCancelRequest(): () => boolean {
  let isRequested = false;
  CancellationScope.current().cancelRequested.catch(() => {
    isRequested = true;
  });
  return () => isRequested;
}

/**
 * Ends the workflow so that its status in Temporal tells how the job has ended: Completed, Failed
 * or Canceled. The outcome is in the result or in the details of the failure.
 */
export async function endAsOutcome(
  ending: BuildEnding,
  isCancelRequested: () => boolean,
): Promise<BuildOutcome> {
  const { outcome, stage } = ending;
  // Until 0.1.0 every build ended as Completed. A successful build still does and needs no patch
  // marker.
  if (outcome.state === 'success' || !patched('the status tells the outcome')) return outcome;
  const { type, text } = describeEnd(outcome, stage);
  if (type === 'job_canceled' && (await becomesCanceled(ending, isCancelRequested))) {
    throw new CancelledFailure(text);
  }
  markEndOfBuild();
  throw withClearMessage(ApplicationFailure.nonRetryable(text, type, outcome));
}

/** Temporal lets a workflow end as Canceled only after somebody has asked to cancel it. */
async function becomesCanceled(
  { markCanceled }: BuildEnding,
  isRequested: () => boolean,
): Promise<boolean> {
  if (isRequested()) return true;
  try {
    await markCanceled();
    return await condition(isRequested, CANCEL_LIMIT_MS);
  } catch (error) {
    throwBug(error);
    log.warn('workflow not marked as canceled, it ends as failed', { reason: reasonOf(error) });
    return false;
  }
}
