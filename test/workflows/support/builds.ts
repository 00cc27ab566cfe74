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

/** Waits for the end of the build and queries its outcome. Ignores its status in Temporal. */
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
  /** The memo after the build has moved to another node. */
  readonly memo?: Record<string, unknown>;
}

/** Starts a build as a runner does. No runner counts it unless the input says so. */
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

/** The calls of the node without those that run beside the build: the upload and the clock. */
export function callsOf({ calls }: FakeNode): readonly string[] {
  return calls.all.filter((call) => call !== 'uploadTrace' && call !== 'timeLeft');
}
