import {
  CancellationScope,
  condition,
  log,
  patched,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import type { AdoptionReply } from '../../activities/contract.ts';
import {
  describeLoss,
  describeLostRecord,
  type Adoption,
  type LostNode,
  type FailoverPlan,
} from '../../domain/context/failover.ts';
import type { JobSummary } from '../../domain/context/stage.ts';
import { nodeNameOf } from '../../domain/runner/node-name.ts';
import { reasonOf, throwBug } from '../node/activity-failure.ts';
import { proxyFleet, type BuildNode } from '../node/build-node.ts';
import type { BuildRun } from '../node/build-run.ts';
import { buildMemo } from '../messages.ts';
import { watch } from '../node/watched.ts';

/** What happens to a build whose node does not answer. */
export type Failover =
  /** It starts again on another node. */
  | ({ readonly kind: 'moved' } & AssignedNode)
  /** Another node reports to GitLab that it has failed. */
  | ({ readonly kind: 'given_up'; readonly message: string } & AssignedNode)
  /** GitLab has its result. The node removes the rest when it comes back. */
  | { readonly kind: 'left' };

export interface FailoverScope {
  readonly job: JobSummary;
  readonly node: BuildNode;
  readonly nodeQueue: string;
  readonly fencingToken: number;
  readonly plan: FailoverPlan | undefined;
  readonly run: BuildRun;
  /** When the node was last known to be alive. */
  readonly sinceMs: number;
}

/** A running node answers in less time, and so does one whose process has just restarted. */
const GRACE_MS = 20_000;
/**
 * A wait that took this much longer than planned shows that Temporal or all nodes were away. It
 * says nothing about this node.
 */
const OVERDUE_MS = 20_000;

/**
 * Calls a node that did not answer, until it answers or the build moves. A build whose script was
 * not handed out moves at once. Any other build first waits until another node is alive, and then
 * for the configured time. So an installation with a single node never loses a build while that
 * node is away.
 */
export async function waitOrFailOver(
  scope: FailoverScope,
): Promise<Failover | { readonly kind: 'present'; readonly fencingToken: number }> {
  const { node, run, plan, job } = scope;
  const restartsBefore = run.restarts;
  const asking = new CancellationScope();
  const answer = watch(asking.run(() => node.asking.answerCall()));
  const isBack = (): boolean => answer.isSettled || run.restarts !== restartsBefore;
  const search: FailoverAttempt = {
    ...scope,
    isBack,
    from: lostNode(scope),
    offered: { fencingToken: scope.fencingToken },
  };
  try {
    if (await condition(isBack, GRACE_MS))
      return { kind: 'present', fencingToken: scope.fencingToken };
    log.warn('node does not answer', { buildId: job.buildId, node: search.from.name });
    if (run.progress.isReported) return { kind: 'left' };
    const what = `its node ${search.from.name} to answer`;
    if (plan !== undefined) {
      const found = await run.stages.waitFor(what, () => failOver(search, plan));
      return found ?? settleBack(search);
    }
    await run.stages.waitFor(what, () => condition(isBack));
    return { kind: 'present', fencingToken: scope.fencingToken };
  } finally {
    asking.cancel();
  }
}

/**
 * Replaces the record of a build that a running node has lost. Any node makes a new record from the
 * data that the build carries along. That node reports the end to GitLab, and no script runs again.
 */
export async function replaceRecord(scope: FailoverScope, plan: FailoverPlan): Promise<Failover> {
  const from = lostNode(scope);
  log.warn('node has lost its record of the build', {
    ...{ buildId: scope.job.buildId, node: from.name },
  });
  // The same node may make the record, like any other.
  const search = { ...scope, nodeQueue: '', isBack: () => false, from };
  const offered = { fencingToken: scope.fencingToken };
  let adopted: AssignedNode | undefined;
  while (adopted === undefined) adopted = await adopt({ ...search, offered }, plan, 'report');
  return { kind: 'given_up', ...adopted, message: describeLostRecord(from) };
}

interface FailoverAttempt extends FailoverScope {
  readonly from: LostNode;
  /** The highest fencing token that was offered to another node. */
  readonly offered: { fencingToken: number };
  isBack(): boolean;
}

function lostNode({ nodeQueue, sinceMs }: FailoverScope): LostNode {
  return { name: nodeNameOf(nodeQueue), sinceMs };
}

/** Returns undefined when the node is back. */
async function failOver(
  search: FailoverAttempt,
  plan: FailoverPlan,
): Promise<Failover | undefined> {
  if (mayHaveBegun(search) || !plan.isWhole) return giveUp(search, plan);
  const adopted = await adopt(search, plan, 'run');
  return adopted && { kind: 'moved', ...adopted };
}

function mayHaveBegun({ run }: FailoverAttempt): boolean {
  const hasToStay = wasReset() && patched('a reset build stays with its node');
  return run.progress.hasBegunScript || hasToStay;
}

/**
 * Whether a person has reset the workflow. The workflow then does not know what happened after that
 * point of its history.
 */
export function wasReset(): boolean {
  const { runId, firstExecutionRunId } = workflowInfo();
  return runId !== firstExecutionRunId;
}

/**
 * A failed adoption may have left a record on some node. A higher fencing token tells that node
 * that the build has stayed here.
 */
function settleBack({ nodeQueue, fencingToken, offered }: FailoverAttempt): {
  kind: 'present';
  fencingToken: number;
} {
  if (offered.fencingToken > fencingToken) upsertMemo(buildMemo(nodeQueue, offered.fencingToken));
  return { kind: 'present', fencingToken: offered.fencingToken };
}

async function giveUp(search: FailoverAttempt, plan: FailoverPlan): Promise<Failover | undefined> {
  const { isBack, from } = search;
  const { waitMs } = plan;
  while (!isBack()) {
    if (!(await isWitnessed(search))) continue;
    const begunMs = Date.now();
    if (await condition(isBack, Math.max(1, waitMs))) return undefined;
    if (Date.now() - begunMs > waitMs + OVERDUE_MS) continue;
    const adopted = await adopt(search, plan, 'report');
    if (adopted === undefined) continue;
    const message = describeLoss(from, plan, mayHaveBegun(search));
    return { kind: 'given_up', ...adopted, message };
  }
  return undefined;
}

/** Waits until another node, or this one again, is alive. */
async function isWitnessed({ isBack, nodeQueue }: FailoverAttempt): Promise<boolean> {
  const scope = new CancellationScope();
  const witness = watch(scope.run(() => proxyFleet().any.witnessLoss()));
  await condition(() => witness.isSettled || isBack());
  scope.cancel();
  if (isBack()) return false;
  try {
    if (witness.take().nodeQueue !== nodeQueue) return true;
  } catch (error) {
    throwBug(error);
    log.warn('no witness of the loss', { reason: reasonOf(error) });
  }
  // The node itself has just restarted and will answer in a moment.
  await condition(isBack, GRACE_MS);
  return false;
}

/** A node that a build is given to. */
export interface AssignedNode {
  readonly nodeQueue: string;
  /** How often the build has changed nodes. */
  readonly fencingToken: number;
  /** What the node understands, its `NODE_PROTOCOL`; undefined for a node of 0.1.0. */
  readonly protocol: number | undefined;
}

/** Returns where the build is now, or undefined when it has stayed. */
async function adopt(
  search: FailoverAttempt,
  plan: FailoverPlan,
  purpose: Adoption['purpose'],
): Promise<AssignedNode | undefined> {
  const { job, from, isBack, offered } = search;
  const fencingToken = offered.fencingToken + 1;
  offered.fencingToken = fencingToken;
  const { withFreeSlot, any } = proxyFleet();
  const request = {
    ...{ buildId: job.buildId, sealedJob: plan.sealedJob, fromQueue: search.nodeQueue },
    ...{ term: fencingToken, purpose, from },
  };
  const scope = new CancellationScope();
  const adoption = watch(
    scope.run(() =>
      purpose === 'run'
        ? withFreeSlot.adoptBuild(request)
        : // The other node is gone too, so wait again.
          any.adoptBuild.executeWithOptions({ scheduleToStartTimeout: '30 seconds' }, [request]),
    ),
  );
  await condition(() => adoption.isSettled || isBack());
  // A node that has adopted the build keeps it, even if the old node is back.
  if (!adoption.isSettled) scope.cancel();
  await condition(() => adoption.isSettled);
  const reply = takeReply(() => adoption.take());
  if (reply?.kind !== 'adopted') {
    await condition(isBack, GRACE_MS);
    return undefined;
  }
  const { nodeQueue, protocol } = reply;
  log.warn('build of a node that does not answer taken over', { buildId: job.buildId, purpose });
  upsertMemo(buildMemo(nodeQueue, fencingToken));
  return { nodeQueue, fencingToken, protocol };
}

function takeReply(take: () => AdoptionReply): AdoptionReply | undefined {
  try {
    return take();
  } catch (error) {
    throwBug(error);
    log.info('build not taken over', { reason: reasonOf(error) });
    return undefined;
  }
}
