import type { Client } from '@temporalio/client';
import type { Clock, TemporalHealth, Log } from '../../ports/index.ts';
import { createListeners, type Listeners } from '../../domain/listeners.ts';
import { isNotFound } from './not-found.ts';

const TIME_LIMIT_MS = 2_000;
/** How long an answer is valid, because a node with many runners asks almost continuously. */
const TRUST_MS = 1_000;
/** After this time without an answer the watch asks itself, because an idle node asks nothing. */
const WATCH_INTERVAL_MS = 5_000;
/** How often it is asked while it does not, so that its return is noticed soon. */
const AWAY_INTERVAL_MS = 500;

export interface TemporalHealthOptions {
  readonly client: Client;
  /**
   * A workflow whose history is requested, because the frontend may answer without its database.
   */
  readonly workflowId: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** The check, and who is told by it. */
export interface WatchedTemporal extends TemporalHealth {
  /** Told each time that Temporal answers again after it did not. */
  readonly returns: Pick<Listeners, 'add'>;
  /** Ends the watch. */
  close(): void;
}

/**
 * Watches Temporal. It asks Temporal itself and not the workflow, so that no worker is needed and no
 * event is written.
 */
export function watchTemporal({
  client,
  workflowId,
  log,
  clock,
}: TemporalHealthOptions): WatchedTemporal {
  const { connection, workflowService } = client;
  const { namespace } = client.options;
  const returns = createListeners();
  const closing = new AbortController();
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
  const check = async (): Promise<boolean> => {
    const askedAtMs = clock.monotonicMs();
    if (askedAtMs - confirmedAtMs < TRUST_MS) return true;
    const answer = await ask();
    if (answer) confirmedAtMs = askedAtMs;
    if (answer === isThere || closing.signal.aborted) return answer;
    isThere = answer;
    if (answer) {
      log.info('Temporal answers again, jobs are asked for');
      returns.tell();
    } else log.error('Temporal does not answer, no job is asked for until it does');
    return answer;
  };
  const watch = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(AWAY_INTERVAL_MS, closing.signal);
      const isDue = clock.monotonicMs() - confirmedAtMs >= WATCH_INTERVAL_MS;
      if (!isThere || isDue) await check();
    }
  };
  void watch().catch(() => undefined); // The watch was ended.
  return {
    // While Temporal is away, the watch asks often enough.
    isThere: () => (isThere ? check() : Promise.resolve(false)),
    returns,
    close: () => closing.abort(),
  };
}
