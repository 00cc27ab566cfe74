import {
  ActivityCancellationType,
  proxyActivities,
  type CancellationScope,
} from '@temporalio/workflow';
import type { SlotActivities } from '../../activities/contract.ts';
import { SLOTS_QUEUE } from '../messages.ts';

const { requestJob } = proxyActivities<SlotActivities>({
  taskQueue: SLOTS_QUEUE,
  // A turn, the request under way at its end (GitLab holds it for 50 s), and slow answers.
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '30 seconds', // the longest a dead node's turn goes unnoticed
  retry: { maximumAttempts: 1 }, // the loop asks again by itself
  // A request that is to end may still bring a job, and that job must not be lost.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** The job requests that a runner has under way. */
export interface JobRequests {
  readonly ask: SlotActivities['requestJob'];
  /** Turns that may bring a job. */
  readonly count: number;
  /** Nothing is under way, not even a turn that was abandoned. */
  readonly isIdle: boolean;
  begin(turn: CancellationScope): void;
  end(turn: CancellationScope): void;
  /** No new request in the turns under way. */
  endAll(): void;
  /** Their process is gone: others may be asked in their place at once. */
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
