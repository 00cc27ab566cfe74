import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/contract.ts';
import type { JobSummary } from '../domain/build/stage.ts';

/** The activities of the node that holds a build, by how long they may take and be tried. */
export type BuildNode = ReturnType<typeof proxyNode>;

/** How long a stopped stage may take to end before the build goes on without it. */
export const STOP_LIMIT_MS = 5 * 60_000;

/** None has a limit for being picked up: a node that is away may come back. */
export function proxyNode(nodeQueue: string, job: JobSummary) {
  const { jobTimeoutMs } = job.plan;
  const common = {
    taskQueue: nodeQueue,
    heartbeatTimeout: '30 seconds', // the longest a hanging process goes unnoticed
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  } as const;
  // What is stopped is waited for: its end says that nothing of it runs any more.
  const ending = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;
  return {
    /** Short calls, repeated until they pass. */
    quick: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: '15 minutes',
      retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
    }),
    /** gitlab-runner tries to prepare three times, three seconds apart. */
    prepare: proxyActivities<BuildActivities>({
      ...common,
      cancellationType: ending,
      startToCloseTimeout: jobTimeoutMs + STOP_LIMIT_MS, // the job's own timer ends it earlier
      retry: { initialInterval: '3 seconds', backoffCoefficient: 1, maximumAttempts: 3 },
    }),
    stage: proxyActivities<BuildActivities>({
      ...common,
      cancellationType: ending,
      startToCloseTimeout: jobTimeoutMs + 3_600_000, // the job's own timer ends it earlier
      retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
    }),
    /** Whatever does not let itself be stopped must not keep the job "running" in GitLab. */
    stop: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: '2 minutes',
      scheduleToCloseTimeout: STOP_LIMIT_MS,
      retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
    }),
    /** A finished job's result is delivered however long GitLab is away. */
    patient: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: jobTimeoutMs + 24 * 3_600_000,
      retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
    }),
  };
}
