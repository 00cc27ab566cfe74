import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities, FleetActivities } from '../../activities/contract.ts';
import type { JobSummary } from '../../domain/context/stage.ts';
import { ORCHESTRATION_QUEUE, SLOTS_QUEUE } from '../messages.ts';

/** The activities of the node that holds a build, by how long they may take and be tried. */
export type BuildNode = ReturnType<typeof proxyNode>;

/** How long a stopped stage may take to end before the build goes on without it. */
export const STOP_LIMIT_MS = 5 * 60_000;

/** The longest that a process which hangs or is gone goes unnoticed. */
export const HEARTBEAT_MS = 30_000;
/** The longest that a node which is there takes to pick up a call. */
const PICK_UP_MS = 20_000;

/**
 * Calls of a node, each of which tells by its time-out when the node does not answer. That is no
 * fault of the call: the workflow looks for the node, and repeats the call when it is there again.
 */
export function proxyNode(nodeQueue: string, job: JobSummary) {
  const { jobTimeoutMs } = job.plan;
  const common = {
    taskQueue: nodeQueue,
    heartbeatTimeout: HEARTBEAT_MS,
    scheduleToStartTimeout: PICK_UP_MS,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  } as const;
  // Temporal's own name: not repeated behind the workflow's back, as all other faults are.
  const nonRetryableErrorTypes = ['TemporalTimeout:Heartbeat'];
  // What is stopped is waited for: its end says that nothing of it runs any more.
  const ending = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;
  return {
    /** Short calls, repeated until they pass. */
    quick: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: '15 minutes',
      retry: { nonRetryableErrorTypes, initialInterval: '1 second', maximumInterval: '30 seconds' },
    }),
    /** gitlab-runner tries to prepare three times, three seconds apart. */
    prepare: proxyActivities<BuildActivities>({
      ...common,
      cancellationType: ending,
      startToCloseTimeout: jobTimeoutMs + STOP_LIMIT_MS, // the job's own timer ends it earlier
      retry: {
        nonRetryableErrorTypes,
        initialInterval: '3 seconds',
        backoffCoefficient: 1,
        maximumAttempts: 3,
      },
    }),
    stage: proxyActivities<BuildActivities>({
      ...common,
      cancellationType: ending,
      startToCloseTimeout: jobTimeoutMs + 3_600_000, // the job's own timer ends it earlier
      retry: { nonRetryableErrorTypes, initialInterval: '1 second', maximumInterval: '10 seconds' },
    }),
    /** Whatever does not let itself be stopped must not keep the job "running" in GitLab. */
    stop: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: '2 minutes',
      scheduleToCloseTimeout: STOP_LIMIT_MS,
      retry: { nonRetryableErrorTypes, initialInterval: '1 second', maximumInterval: '10 seconds' },
    }),
    /** A finished job's result is delivered however long GitLab is away. */
    patient: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: jobTimeoutMs + 24 * 3_600_000,
      retry: { nonRetryableErrorTypes, initialInterval: '1 second', maximumInterval: '30 seconds' },
    }),
    /** Answered when the node is there, whenever that is. A process that hangs may swallow some. */
    asking: proxyActivities<BuildActivities>({
      taskQueue: nodeQueue,
      startToCloseTimeout: '10 seconds',
      cancellationType: ActivityCancellationType.TRY_CANCEL,
      retry: { initialInterval: '1 second', maximumInterval: '5 seconds' },
    }),
  };
}

/** Calls of any node, for a build whose own does not answer. */
export function proxyFleet() {
  const common = {
    startToCloseTimeout: '20 seconds',
    // An adoption that is under way comes to its end: whose the build is must be known.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', maximumInterval: '5 seconds' },
  } as const;
  return {
    /** Nodes with room for one more build. */
    roomy: proxyActivities<Pick<FleetActivities, 'adoptBuild'>>({
      ...common,
      taskQueue: SLOTS_QUEUE,
    }),
    any: proxyActivities<FleetActivities>({ ...common, taskQueue: ORCHESTRATION_QUEUE }),
  };
}
