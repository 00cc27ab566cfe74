import {
  ActivityCancellationType,
  proxyActivities,
  type CancellationScope,
} from '@temporalio/workflow';
import type { SlotActivities } from '../../activities/contract.ts';
import { SLOTS_QUEUE } from '../messages.ts';

const { requestJob } = proxyActivities<SlotActivities>({
  taskQueue: SLOTS_QUEUE,
  // This is the activity's own duration, plus the request in progress at its end (GitLab holds it
  // for 50 s), plus time for slow answers.
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '30 seconds', // A dead node goes unnoticed for at most this long.
  retry: { maximumAttempts: 1 }, // The loop itself asks again.
  // A request that is being ended may still bring a job, and that job must not be lost.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** The job requests of a runner that are in progress. */
export interface JobRequests {
  readonly ask: SlotActivities['requestJob'];
  /** Number of requests that may bring a job. */
  readonly count: number;
  /** True: nothing is in progress, not even an abandoned request. */
  readonly isIdle: boolean;
  begin(scope: CancellationScope): void;
  end(scope: CancellationScope): void;
  /** Ends all requests at their next answer. They start no new one. */
  endAll(): void;
  /**
   * Forgets all requests, because their process is gone. Others may start at once in their place.
   */
  abandonAll(): void;
  /** Whether the process of this request is gone. */
  isAbandoned(scope: CancellationScope): boolean;
}

export function openJobRequests(): JobRequests {
  const scopes = new Set<CancellationScope>();
  const orphaned = new Set<CancellationScope>();
  const endAll = (): void => {
    for (const scope of scopes) scope.cancel();
  };
  return {
    ask: requestJob,
    get count() {
      return scopes.size - orphaned.size;
    },
    get isIdle() {
      return scopes.size === 0;
    },
    begin: (scope) => void scopes.add(scope),
    end: (scope) => {
      scopes.delete(scope);
      orphaned.delete(scope);
    },
    endAll,
    abandonAll: () => {
      for (const scope of scopes) orphaned.add(scope);
      endAll();
    },
    isAbandoned: (scope) => orphaned.has(scope),
  };
}
