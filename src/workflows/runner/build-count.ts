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

/** The active builds of one runner, as its `limit` counts them. */
export interface BuildCount {
  readonly count: number;
  /** True: no build is being started at this moment. */
  readonly isIdle: boolean;
  ids(): readonly string[];
  /** Starts the build of a job. It counts from now until it reports its end. */
  begin(outcome: JobOutcome): void;
  /** Counts a build that the node has started itself, from its record of the job. */
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
    // The node was faster. It announces the build, which may already have reported its end.
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

/** Returns false when the node has started the build itself, or soon will. */
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
      // Invariant: a job never has more than one build. The workflow id guarantees it.
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      // A build outlives the end of its runner's workflow, and its continue-as-new.
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
