import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities, FleetActivities } from '../../activities/contract.ts';
import type { JobSummary } from '../../domain/context/stage.ts';
import { ORCHESTRATION_QUEUE, SLOTS_QUEUE } from '../messages.ts';

/** The activities of a build's node, grouped by their time limits and retries. */
export type BuildNode = ReturnType<typeof proxyNode>;

/**
 * How long a stopped stage may take to end before the build continues without it, in milliseconds.
 */
export const STOP_LIMIT_MS = 5 * 60_000;

/** The longest time, in milliseconds, for which a hanging or dead process goes unnoticed. */
export const HEARTBEAT_MS = 30_000;
/** The longest time that a running node takes to pick up a call. */
const PICK_UP_MS = 20_000;

/**
 * Creates the calls of a node. A time-out shows that the node does not answer. That is not a fault
 * of the call, so the workflow looks after the node, and repeats the call when the node is back.
 */
export function proxyNode(nodeQueue: string, job: JobSummary) {
  const { jobTimeoutMs } = job.plan;
  const common = {
    taskQueue: nodeQueue,
    heartbeatTimeout: HEARTBEAT_MS,
    scheduleToStartTimeout: PICK_UP_MS,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  } as const;
  // This is Temporal's own name for the time-out. It is the only fault that Temporal does not
  // retry.
  const nonRetryableErrorTypes = ['TemporalTimeout:Heartbeat'];
  // Waits for the stopped work, so that no part of it runs afterwards.
  const ending = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;
  return {
    /** Short calls, retried until they succeed. */
    quick: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: '15 minutes',
      retry: { nonRetryableErrorTypes, initialInterval: '1 second', maximumInterval: '30 seconds' },
    }),
    /**
     * Calls that prepare the environment. gitlab-runner tries it three times, three seconds apart.
     */
    prepare: proxyActivities<BuildActivities>({
      ...common,
      cancellationType: ending,
      startToCloseTimeout: jobTimeoutMs + STOP_LIMIT_MS, // The job's own timer ends it earlier.
      retry: {
        nonRetryableErrorTypes,
        initialInterval: '3 seconds',
        backoffCoefficient: 1,
        maximumAttempts: 3,
      },
    }),
    /** Calls that run a stage, retried until it ends. */
    stage: proxyActivities<BuildActivities>({
      ...common,
      cancellationType: ending,
      startToCloseTimeout: jobTimeoutMs + 3_600_000, // The job's own timer ends it earlier.
      retry: { nonRetryableErrorTypes, initialInterval: '1 second', maximumInterval: '10 seconds' },
    }),
    /**
     * Calls that stop work. Work that cannot be stopped must not keep the job "running" in GitLab.
     */
    stop: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: '2 minutes',
      scheduleToCloseTimeout: STOP_LIMIT_MS,
      retry: { nonRetryableErrorTypes, initialInterval: '1 second', maximumInterval: '10 seconds' },
    }),
    /** Calls that write people's commands into the trace. Nothing else waits long for them. */
    notice: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: '30 seconds',
      scheduleToCloseTimeout: '2 minutes',
      retry: { nonRetryableErrorTypes, initialInterval: '1 second', maximumInterval: '10 seconds' },
    }),
    /** Calls that send the trace, the artifacts and the result, however long GitLab is away. */
    patient: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: jobTimeoutMs + 24 * 3_600_000,
      retry: { nonRetryableErrorTypes, initialInterval: '1 second', maximumInterval: '30 seconds' },
    }),
    /**
     * Calls that only a node that is alive answers, whenever that is. A hanging process may swallow
     * some of them.
     */
    asking: proxyActivities<BuildActivities>({
      taskQueue: nodeQueue,
      startToCloseTimeout: '10 seconds',
      cancellationType: ActivityCancellationType.TRY_CANCEL,
      retry: { initialInterval: '1 second', maximumInterval: '5 seconds' },
    }),
  };
}

/** Creates the calls that any node answers, for a build whose own node does not. */
export function proxyFleet() {
  const common = {
    startToCloseTimeout: '20 seconds',
    // An adoption in progress must complete, because it must be known who has the build.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', maximumInterval: '5 seconds' },
  } as const;
  return {
    /** Calls that only a node with a free slot for a build answers. */
    withFreeSlot: proxyActivities<Pick<FleetActivities, 'adoptBuild'>>({
      ...common,
      taskQueue: SLOTS_QUEUE,
    }),
    any: proxyActivities<FleetActivities>({ ...common, taskQueue: ORCHESTRATION_QUEUE }),
  };
}
