import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Leases } from '../../ports/index.ts';
import { fencingTokenOf } from '../../domain/context/failover.ts';
import { isOfEarlierOffer, judgeLease } from '../../domain/build/lease.ts';
import { TransientError } from '../../domain/failure.ts';

const TIME_LIMIT_MS = 5_000;

/**
 * Creates the leases. A lease is confirmed by Temporal itself and not by the workflow, so that no
 * worker is needed and no event is written.
 */
export function createLeases(client: Client, nodeQueue: string): Leases {
  return {
    confirm: async (context) => {
      const { buildId, adoption } = context;
      try {
        const { memo, status, startTime } = await client.withDeadline(
          Date.now() + TIME_LIMIT_MS,
          () => client.workflow.getHandle(buildId).describe(),
        );
        const run = {
          memo,
          isRunning: status.name === 'RUNNING',
          startedAtMs: startTime.getTime(),
        };
        if (isOfEarlierOffer(run, context)) return 'held';
        return judgeLease(memo, { nodeQueue, fencingToken: fencingTokenOf(adoption) });
      } catch (error) {
        // The workflow was lost with Temporal's database, so nobody has moved the build.
        if (error instanceof WorkflowNotFoundError) return 'held';
        throw new TransientError('Temporal does not tell which node has the build', {
          cause: error,
          from: 'temporal',
        });
      }
    },
  };
}
