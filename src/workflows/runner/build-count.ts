import {
  ChildWorkflowCancellationType,
  log,
  ParentClosePolicy,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { JobRequestOutcome } from '../../activities/contract.ts';
import { isAlreadyStarted, reasonOf, throwBug } from '../node/activity-failure.ts';
import { buildStart } from '../messages.ts';
import { runBuild } from '../run-build.ts';

type JobOutcome = Extract<JobRequestOutcome, { kind: 'job' }>;

/** The builds of one runner that are alive, as its `limit` counts them. */
export interface BuildCount {
  readonly count: number;
  /** No build is just being started. */
  readonly isIdle: boolean;
  ids(): readonly string[];
  /** Starts the build of a job. Counts from now on, until it says that it has ended. */
  begin(outcome: JobOutcome): void;
  /** The node has begun the build by itself, from its record of the job. */
  announce(buildId: string): void;
  remove(buildId: string): void;
}

export function openBuildCount(buildIds: readonly string[]): BuildCount {
  const alive = new Set(buildIds);
  const announced = new Set<string>();
  let startsUnderWay = 0;

  const start = async (outcome: JobOutcome): Promise<void> => {
    const { buildId } = outcome.job;
    startsUnderWay += 1;
    const isOurs = await startBuild(outcome);
    startsUnderWay -= 1;
    // The node was faster: it announces the build, and may have said already that it has ended.
    if (!isOurs && !announced.has(buildId)) alive.delete(buildId);
  };

  return {
    get count() {
      return alive.size;
    },
    get isIdle() {
      return startsUnderWay === 0;
    },
    ids: () => [...alive],
    begin: (outcome) => {
      alive.add(outcome.job.buildId);
      void start(outcome);
    },
    announce: (buildId) => {
      alive.add(buildId);
      announced.add(buildId);
    },
    remove: (buildId) => {
      alive.delete(buildId);
      announced.delete(buildId);
    },
  };
}

/** Returns false when the build is not ours: its node has begun it, or soon will. */
async function startBuild({ job, nodeQueue, rescue }: JobOutcome): Promise<boolean> {
  try {
    await startChild(runBuild, {
      ...buildStart(job, nodeQueue),
      args: [
        {
          ...{ job, nodeQueue, runnerWorkflowId: workflowInfo().workflowId, isCounted: true },
          ...(rescue !== undefined && { rescue }),
        },
      ],
      // Invariant: one build for one job, for ever. The id is the lock.
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      // Builds outlive a continue-as-new of their runner, and its end.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
    });
    return true;
  } catch (error) {
    throwBug(error);
    if (!isAlreadyStarted(error)) {
      log.error('build not started, its node will', {
        buildId: job.buildId,
        reason: reasonOf(error),
      });
    }
    return false;
  }
}
