import type { Client } from '@temporalio/client';
import type { Clock, TemporalHealth, Log } from '../../ports/index.ts';
import { isNotFound } from './not-found.ts';

const TIME_LIMIT_MS = 2_000;
/** How long an answer is valid, because a node with many runners asks almost continuously. */
const TRUST_MS = 1_000;

export interface TemporalHealthOptions {
  readonly client: Client;
  /**
   * A workflow whose history is requested, because the frontend may answer without its database.
   */
  readonly workflowId: string;
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * Creates the check. It asks Temporal itself and not the workflow, so that no worker is needed and
 * no event is written.
 */
export function createTemporalHealth({
  client,
  workflowId,
  log,
  clock,
}: TemporalHealthOptions): TemporalHealth {
  const { connection, workflowService } = client;
  const { namespace } = client.options;
  let isThere = true;
  let confirmedAtMs = Number.NEGATIVE_INFINITY;

  const ask = async (): Promise<boolean> => {
    try {
      await connection.withDeadline(Date.now() + TIME_LIMIT_MS, () =>
        workflowService.describeWorkflowExecution({ namespace, execution: { workflowId } }),
      );
      return true;
    } catch (error) {
      // The history was deleted. The server knows that, so it has answered.
      return isNotFound(error);
    }
  };
  return {
    isThere: async () => {
      const ageMs = clock.monotonicMs() - confirmedAtMs;
      if (ageMs < TRUST_MS) return true;
      const askedAtMs = clock.monotonicMs();
      const answer = await ask();
      if (answer) confirmedAtMs = askedAtMs;
      if (answer && !isThere) log.info('Temporal answers again, jobs are asked for');
      if (!answer && isThere)
        log.error('Temporal does not answer, no job is asked for until it does');
      isThere = answer;
      return answer;
    },
  };
}
