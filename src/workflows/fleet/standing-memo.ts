import { patched, upsertMemo, workflowInfo } from '@temporalio/workflow';
import { hasSamePauses, parseStanding, type Standing } from '../../domain/runner/fleet.ts';
import type { FeederMemo } from '../messages.ts';

/**
 * Writes into the memo what commands have left in force, because the node also executes the
 * requests of other nodes' runners, which this workflow does not feed. Up to 0.1.0 only this node's
 * own runners stopped.
 */
export function noteStanding({ isDraining, paused }: Standing): void {
  const noted = parseStanding(workflowInfo().memo);
  if (isDraining !== noted.isDraining && patched('notes a drain in the memo')) {
    upsertMemo({ isDraining } satisfies FeederMemo);
  }
  if (!hasSamePauses({ paused }, noted) && patched('notes pauses in the memo')) {
    upsertMemo({ paused } satisfies FeederMemo);
  }
}
