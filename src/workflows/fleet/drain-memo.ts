import { patched, upsertMemo, workflowInfo } from '@temporalio/workflow';
import type { FeederMemo } from '../messages.ts';

/**
 * Writes into the memo whether the node is drained, because the node also executes the requests of
 * other nodes' runners, which this workflow does not feed. Up to 0.1.0 only this node's own runners
 * stopped.
 */
export function noteDrain(isDraining: boolean): void {
  const isNoted = workflowInfo().memo?.['isDraining'] === true;
  if (isDraining === isNoted || !patched('notes a drain in the memo')) return;
  upsertMemo({ isDraining } satisfies FeederMemo);
}
