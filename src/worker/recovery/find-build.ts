import type { Ports } from '../../ports/index.ts';
import type { LeftoverPorts } from './leftovers.ts';
import type {
  WorkflowDescription,
  Workflows,
  WorkflowStart,
  WorkflowStatus,
} from '../../ports/workflows.ts';
import {
  failoverPlanOf,
  viewOf,
  type FailoverPorts,
  type ViewPorts,
} from '../../activities/job/record-job.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import { planStages } from '../../domain/build/plan.ts';
import { fencingTokenOf } from '../../domain/context/failover.ts';
import { summarizeJob } from '../../domain/build/summary.ts';
import { judgeLease } from '../../domain/build/lease.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import { buildStart, ORCHESTRATION_QUEUE, serveRunnerId } from '../../workflows/messages.ts';
import type { RunBuildInput } from '../../workflows/run-build.ts';
import { judgeOffer, refuseRepeated } from './reissued-job.ts';

/** The state of a recorded build's workflow. */
export type BuildState =
  /**
   * The workflow did not exist, because it never began or was lost with Temporal's database. It was
   * started now.
   */
  | { readonly kind: 'begun' }
  | { readonly kind: 'open' }
  /**
   * The build has ended, and GitLab has handed the job out again. A new build only reports that.
   */
  | { readonly kind: 'refused' }
  /** Another node got the same job and was faster. */
  | { readonly kind: 'elsewhere' }
  /** The build moved to another node while this one did not answer. */
  | { readonly kind: 'moved' }
  /** This node has taken the build over, and the workflow does not know that yet. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'ended'; readonly isCompleted: boolean };

/** What it takes to look after the recorded builds of the node. */
export type RecoveryPorts = FailoverPorts &
  LeftoverPorts &
  ViewPorts &
  Pick<Ports, 'capacity' | 'clock' | 'metrics'>;

export interface FindScope {
  readonly workflows: Workflows;
  readonly installation: string;
  readonly ports: RecoveryPorts;
}

/**
 * Returns the workflow that counts a build under its `limit`. In a fleet it is often that of another
 * node. A record of 0.1.0 does not name it.
 */
export function runnerWorkflowIdOf(
  { runner, runnerWorkflowId }: BuildContext,
  installation: string,
): string {
  return runnerWorkflowId ?? serveRunnerId(installation, runner);
}

/**
 * Starts the build's workflow unless it exists already. Most builds are open, so Temporal is first
 * asked for the workflow, which costs less than a start that it refuses.
 */
export async function findOrBegin(context: BuildContext, scope: FindScope): Promise<BuildState> {
  const { workflows } = scope;
  const found = await workflows.describe(context.buildId);
  // Another node may have started the script, so the build is reported and never run here.
  if (context.adoption?.purpose === 'report') return stateOf(context, found, scope);
  const offer = await judgeOffer(context, found, workflows);
  if (offer === 'known') return stateOf(context, found, scope);
  // Invariant: at most one build of a job ever runs. A build that never began does not count.
  const reuse = offer === 'first' ? 'reject' : 'allow';
  const isRefused = offer === 'repeated';
  if (await begin(isRefused ? refuseRepeated(context) : context, reuse, scope)) {
    return { kind: isRefused ? 'refused' : 'begun' };
  }
  // Another node has begun it meanwhile.
  return stateOf(context, await workflows.describe(context.buildId), scope);
}

/** Starts the workflow. Returns false when the job already has a build. */
function begin(
  context: BuildContext,
  reuse: WorkflowStart['reuse'],
  { workflows, installation, ports }: FindScope,
): Promise<boolean> {
  const plan = planStages(context, buildVariables(context, { jobStatus: 'running' }));
  const job = summarizeJob(context, plan, viewOf(ports));
  const { nodeQueue } = ports;
  const runnerWorkflowId = runnerWorkflowIdOf(context, installation);
  const input: RunBuildInput = {
    job,
    nodeQueue,
    runnerWorkflowId,
    isCounted: false,
    ...failoverPlanOf(context, ports),
  };
  const start = { type: 'runBuild', taskQueue: ORCHESTRATION_QUEUE, args: [input], reuse };
  return workflows.start({ ...start, ...buildStart(job, nodeQueue) });
}

/** Whether the build's own code has ended it, and so has told GitLab. */
async function hasConcluded(
  buildId: string,
  { status, workflows }: Pick<FindScope, 'workflows'> & { readonly status: WorkflowStatus },
): Promise<boolean> {
  if (status === 'completed' || status === 'canceled') return true;
  // A failure without an outcome means that the workflow failed at something else.
  return status === 'failed' && (await workflows.resultOf(buildId)) !== undefined;
}

async function stateOf(
  { buildId, adoption }: BuildContext,
  description: WorkflowDescription | undefined,
  { workflows, ports }: FindScope,
): Promise<BuildState> {
  // The workflow was lost with Temporal's database and has reported nothing.
  if (description === undefined) return { kind: 'ended', isCompleted: false };
  const { memo, status } = description;
  const claim = { nodeQueue: ports.nodeQueue, fencingToken: fencingTokenOf(adoption) };
  switch (judgeLease(memo, claim)) {
    case 'lost':
      return { kind: memo?.['term'] === undefined ? 'elsewhere' : 'moved' };
    case 'pending':
      return { kind: status === 'running' ? 'pending' : 'moved' };
    case 'held':
      return status === 'running'
        ? { kind: 'open' }
        : { kind: 'ended', isCompleted: await hasConcluded(buildId, { status, workflows }) };
  }
}
