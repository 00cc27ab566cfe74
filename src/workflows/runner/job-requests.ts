import {
  ActivityCancellationType,
  proxyActivities,
  type CancellationScope,
} from '@temporalio/workflow';
import type { SlotActivities } from '../../activities/contract.ts';
import { SLOTS_QUEUE } from '../messages.ts';

const { requestJob } = proxyActivities<SlotActivities>({
  taskQueue: SLOTS_QUEUE,
  // One turn, the request in progress at its end (GitLab holds it for 50 s), and slow answers.
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '30 seconds', // the longest time for which a dead node goes unnoticed
  retry: { maximumAttempts: 1 }, // the loop itself asks again
  // A request that is being ended may still bring a job, which must not be lost.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** The job requests of a runner that are in progress. */
export interface JobRequests {
  readonly ask: SlotActivities['requestJob'];
  /** Number of turns that may bring a job. */
  readonly count: number;
  /** True: nothing is in progress, not even an abandoned turn. */
  readonly isIdle: boolean;
  begin(turn: CancellationScope): void;
  end(turn: CancellationScope): void;
  /** Starts no new request in the current turns. */
  endAll(): void;
  /** Their process is gone, so others may be started in their place at once. */
  abandonAll(): void;
}

export function openJobRequests(): JobRequests {
  const turns = new Set<CancellationScope>();
  const orphaned = new Set<CancellationScope>();
  const endAll = (): void => {
    for (const turn of turns) turn.cancel();
  };
  return {
    ask: requestJob,
    get count() {
      return turns.size - orphaned.size;
    },
    get isIdle() {
      return turns.size === 0;
    },
    begin: (turn) => void turns.add(turn),
    end: (turn) => {
      turns.delete(turn);
      orphaned.delete(turn);
    },
    endAll,
    abandonAll: () => {
      for (const turn of turns) orphaned.add(turn);
      endAll();
    },
  };
}
