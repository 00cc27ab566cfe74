import type { Client } from '@temporalio/client';
import type { Clock, TemporalHealth, Log } from '../../ports/index.ts';
import { isNotFound } from './not-found.ts';

const TIME_LIMIT_MS = 2_000;
/** So long an answer is good for: a node with many runners asks for one of them at any moment. */
const TRUST_MS = 1_000;

export interface TemporalHealthOptions {
  readonly client: Client;
  /** A workflow whose history is asked for: the frontend alone may be there without its database. */
  readonly workflowId: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** Asks Temporal itself, not the workflow: no worker has to be there, and no event is written. */
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
      // Its history is gone: somebody has deleted it. That is known, so it was answered.
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
