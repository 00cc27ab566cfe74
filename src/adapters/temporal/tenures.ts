import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Tenures } from '../../activities/ports.ts';
import { termOf } from '../../domain/build/rescue.ts';
import { judgeTenure } from '../../domain/build/tenure.ts';
import { TransientError } from '../../domain/failure.ts';

const TIME_LIMIT_MS = 5_000;

/** Asks Temporal itself, not the workflow: no worker has to be there, and no event is written. */
export function createTenures(client: Client, nodeQueue: string): Tenures {
  return {
    confirm: async ({ buildId, adoption }) => {
      try {
        const { memo } = await client.withDeadline(Date.now() + TIME_LIMIT_MS, () =>
          client.workflow.getHandle(buildId).describe(),
        );
        return judgeTenure(memo, { nodeQueue, term: termOf(adoption) });
      } catch (error) {
        // Lost with its database: nobody has given the build away.
        if (error instanceof WorkflowNotFoundError) return 'held';
        throw new TransientError('Temporal does not say whose the build is', { cause: error });
      }
    },
  };
}
