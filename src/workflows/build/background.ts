import { isCancellation, log, type CancellationScope } from '@temporalio/workflow';
import { reasonOf, throwBug } from '../node/activity-failure.ts';
import { isNodeLost } from '../failover/node-assignment.ts';

/** Starts work that nobody waits for. It ends with its scope at the latest. */
export function inBackground(scope: CancellationScope, work: () => Promise<void>): void {
  void logAndContinue('background work ended early', () => scope.run(work));
}

/** Logs a failure and continues the build; the operator reads the log. */
export async function logAndContinue(complaint: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throwBug(error);
    if (isCancellation(error) || isNodeLost(error)) return;
    log.error(complaint, { reason: reasonOf(error) });
  }
}
