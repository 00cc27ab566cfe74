import {
  ActivityCancellationType,
  proxyActivities,
  type CancellationScope,
} from '@temporalio/workflow';
import type { SlotActivities } from '../activities/contract.ts';
import { SLOTS_QUEUE } from './messages.ts';

const { requestJob } = proxyActivities<SlotActivities>({
  taskQueue: SLOTS_QUEUE,
  // A turn, the question under way at its end (GitLab holds it for 50 s), and slow answers.
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '30 seconds', // the longest a dead node's turn goes unnoticed
  retry: { maximumAttempts: 1 }, // the loop asks again by itself
  // A question that is to end may still bring a job, and that job must not be lost.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** The turns of questions that a runner has under way. */
export interface Questions {
  readonly ask: SlotActivities['requestJob'];
  /** Turns that may bring a job. */
  readonly count: number;
  /** Nothing is under way, not even a turn that was abandoned. */
  readonly isIdle: boolean;
  begin(turn: CancellationScope): void;
  end(turn: CancellationScope): void;
  /** No new question in the turns under way. */
  endAll(): void;
  /** Their process is gone: others may be asked in their place at once. */
  abandonAll(): void;
}

export function openQuestions(): Questions {
  const turns = new Set<CancellationScope>();
  const abandoned = new Set<CancellationScope>();
  const endAll = (): void => {
    for (const turn of turns) turn.cancel();
  };
  return {
    ask: requestJob,
    get count() {
      return turns.size - abandoned.size;
    },
    get isIdle() {
      return turns.size === 0;
    },
    begin: (turn) => void turns.add(turn),
    end: (turn) => {
      turns.delete(turn);
      abandoned.delete(turn);
    },
    endAll,
    abandonAll: () => {
      for (const turn of turns) abandoned.add(turn);
      endAll();
    },
  };
}
