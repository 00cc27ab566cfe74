import type { Client } from '@temporalio/client';
import type { Clock, TemporalHealth, Log } from '../../ports/index.ts';
import { createListeners, type Listeners } from '../../domain/listeners.ts';
import { isNotFound } from './not-found.ts';

const TIME_LIMIT_MS = 2_000;
/** How long an answer is valid, because a node with many runners asks almost continuously. */
const TRUST_MS = 1_000;
/** After this time without an answer the watch asks by itself, because an idle node never asks. */
const WATCH_INTERVAL_MS = 5_000;
/**
 * After this time without an answer new connections are tried, because those in use may wait for
 * packets that TCP repeats after pauses that double.
 */
const RENEW_AFTER_MS = 10_000;
/** How often Temporal is asked while it is away, so that its return is noticed soon. */
const AWAY_INTERVAL_MS = 500;

export interface TemporalHealthOptions {
  readonly client: Client;
  /**
   * A workflow whose history is requested, because the frontend may answer without its database.
   */
  readonly workflowId: string;
  /** Replaces the connections of the node. Rejects when Temporal does not answer on new ones. */
  readonly renew: () => Promise<void>;
  readonly log: Log;
  readonly clock: Clock;
}

/** The health of Temporal, with listeners for its return. */
export interface WatchedTemporal extends TemporalHealth {
  /** Told each time that Temporal answers again after an absence. */
  readonly returns: Pick<Listeners, 'add'>;
  /** Ends the watch. */
  close(): void;
}

/**
 * Watches Temporal. The watch asks Temporal itself and not the workflow, so that no worker is
 * needed and no event is written.
 */
export function watchTemporal({
  client,
  workflowId,
  renew,
  log,
  clock,
}: TemporalHealthOptions): WatchedTemporal {
  const returns = createListeners();
  const closing = new AbortController();
  let isThere = true;
  let confirmedAtMs = Number.NEGATIVE_INFINITY;
  let renewAtMs = 0;

  const check = async (): Promise<boolean> => {
    const askedAtMs = clock.monotonicMs();
    if (askedAtMs - confirmedAtMs < TRUST_MS) return true;
    const answer = await answers(client, workflowId);
    if (answer) confirmedAtMs = Math.max(confirmedAtMs, askedAtMs);
    // Temporal has meanwhile answered a later question on a new connection.
    else if (confirmedAtMs >= askedAtMs) return true;
    if (answer === isThere || closing.signal.aborted) return answer;
    isThere = answer;
    if (answer) {
      log.info('Temporal answers again, jobs are asked for');
      returns.tell();
    } else {
      log.error('Temporal does not answer, no job is asked for until it does');
      renewAtMs = clock.monotonicMs() + RENEW_AFTER_MS;
    }
    return answer;
  };
  const renewWhenDue = async (): Promise<void> => {
    if (isThere || clock.monotonicMs() < renewAtMs) return;
    try {
      await renew();
    } catch (error) {
      return log.debug('no new connection to Temporal', { error });
    }
    renewAtMs = clock.monotonicMs() + RENEW_AFTER_MS;
    await check();
  };
  const watch = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(AWAY_INTERVAL_MS, closing.signal);
      const isDue = clock.monotonicMs() - confirmedAtMs >= WATCH_INTERVAL_MS;
      if (!isThere || isDue) await Promise.all([renewWhenDue(), check()]);
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

/** Whether Temporal answers soon, on the connection that is the newest now. */
async function answers(client: Client, workflowId: string): Promise<boolean> {
  const { namespace } = client.options;
  try {
    await client.connection.withDeadline(Date.now() + TIME_LIMIT_MS, () =>
      client.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId } }),
    );
    return true;
  } catch (error) {
    // The history was deleted. The server knows that, so it has answered.
    return isNotFound(error);
  }
}
