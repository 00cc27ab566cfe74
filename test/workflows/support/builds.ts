import {
  WorkflowFailedError,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { WorkflowIdReusePolicy } from '@temporalio/common';
import type { BuildOutcome } from '../../../src/domain/context/outcome.ts';
import type { JobSummary } from '../../../src/domain/context/stage.ts';
import {
  buildMemo,
  buildStateQuery,
  ORCHESTRATION_QUEUE,
} from '../../../src/workflows/messages.ts';
import type { RunBuildInput, runBuild } from '../../../src/workflows/run-build.ts';
import type { FakeNode } from './fake-node.ts';
import type { World } from './world.ts';

export type BuildHandle = WorkflowHandleWithFirstExecutionRunId<typeof runBuild>;

/** How the build has ended, whatever its status in Temporal: waits for its end, and asks the workflow. */
export async function outcomeOf(
  handle: Pick<BuildHandle, 'query'> & { result(): Promise<unknown> },
): Promise<BuildOutcome> {
  try {
    return (await handle.result()) as BuildOutcome;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { outcome } = await handle.query(buildStateQuery);
    if (outcome === undefined) throw error;
    return outcome;
  }
}

interface BuildStart {
  readonly node: Pick<FakeNode, 'queue'>;
  readonly job: JobSummary;
  readonly input?: Partial<RunBuildInput>;
  /** As it is after the build has changed hands. */
  readonly memo?: Record<string, unknown>;
}

/** Starts a build as a runner does, which nobody counts unless the input says so. */
export function startBuild(
  { client }: World,
  { node, job, input, memo = buildMemo(node.queue) }: BuildStart,
): Promise<BuildHandle> {
  const base = { job, nodeQueue: node.queue, runnerWorkflowId: 'nobody', isCounted: true };
  return client.start<typeof runBuild>('runBuild', {
    workflowId: job.buildId,
    taskQueue: ORCHESTRATION_QUEUE,
    args: [{ ...base, ...input }],
    workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
    memo,
  });
}

/** What the node was called to do, without the upload and the clock that run beside it. */
export function callsOf({ calls }: FakeNode): readonly string[] {
  return calls.all.filter((call) => call !== 'uploadTrace' && call !== 'timeLeft');
}
