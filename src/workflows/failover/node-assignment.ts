import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  patched,
} from '@temporalio/workflow';
import type { FailoverPlan } from '../../domain/context/failover.ts';
import type { JobSummary } from '../../domain/context/stage.ts';
import { FailureType } from '../../domain/failure.ts';
import { isNodeSilent, isNotPickedUp, isProcessStopped } from '../node/activity-failure.ts';
import { HEARTBEAT_MS, proxyNode, type BuildNode } from '../node/build-node.ts';
import type { BuildRun } from '../node/build-run.ts';
import {
  replaceRecord,
  waitOrFailOver,
  wasReset,
  type AssignedNode,
  type Failover,
} from './failover.ts';
import { watch } from '../node/watched.ts';

/** The node that a build is assigned to. */
export interface NodeAssignment {
  /** True: the node understands calls that do several steps of a build at once. */
  readonly mergesCalls: boolean;
  /** Whether a repeated preparation acknowledges a job that is not known to be acknowledged. */
  readonly acknowledgesAgain: boolean;
  /** True: the node runs a clean-up when it removes the environment. */
  readonly cleansUpLast: boolean;
  /** Set when the build has lost its node. Nothing is called there from then on. */
  readonly failover: Failover | undefined;
  /**
   * Calls an activity of the node until it is answered. Calls it again when the node's process was
   * restarted meanwhile, or when the node was silent and is back: the new call re-attaches. Throws
   * when the build has lost the node: see {@link isNodeLost}. Only this gives out the node, because
   * a call past it would not be repeated.
   */
  onNode<T>(call: (node: BuildNode) => Promise<T>): Promise<T>;
}

/** A build on its present node. */
export interface BuildScope {
  readonly assignment: NodeAssignment;
  readonly run: BuildRun;
}

export interface AssignmentOptions extends AssignedNode {
  readonly job: JobSummary;
  readonly plan: FailoverPlan | undefined;
  readonly run: BuildRun;
}

/** The first protocol with calls for several steps. */
const MERGED_CALLS = 2;
/** The first protocol that starts a container for a person's shell. */
const STARTS_FOR_SHELLS = 3;
/** The first protocol that runs a clean-up when the environment is removed. */
const CLEANS_UP_LAST = 4;
/** The first protocol that acknowledges a job again when its preparation is repeated. */
const ACKNOWLEDGES_AGAIN = 5;
const NODE_LOST = 'NodeLost';

export function openAssignment(options: AssignmentOptions): NodeAssignment {
  const { job, nodeQueue, run, plan, protocol = 0 } = options;
  const node = proxyNode(nodeQueue, job);
  beginOn(run, protocol);
  let { fencingToken } = options;
  let failover: Failover | undefined;
  let searching: Promise<void> | undefined;

  const search = async (sinceMs: number): Promise<void> => {
    const found = await CancellationScope.nonCancellable(() =>
      waitOrFailOver({ ...options, node, fencingToken, sinceMs }),
    );
    if (found.kind === 'present') fencingToken = found.fencingToken;
    else failover = found;
    searching = undefined;
  };

  const replace = async (failoverPlan: FailoverPlan): Promise<void> => {
    failover = await CancellationScope.nonCancellable(() =>
      replaceRecord({ ...options, node, fencingToken, sinceMs: Date.now() }, failoverPlan),
    );
    searching = undefined;
  };

  /** Throws the faults of the call itself. */
  const lookAfter = (error: unknown, startedMs: number): Promise<void> => {
    const sinceMs = silentSince(error, startedMs);
    if (sinceMs !== undefined) return search(sinceMs);
    // The record of a build that was reset may be gone because the build had already ended. GitLab
    // knows how it ended.
    if (plan === undefined || !isRecordLost(error) || wasReset()) throw error;
    return replace(plan);
  };

  const onNode = async <T>(call: (node: BuildNode) => Promise<T>): Promise<T> => {
    for (;;) {
      // Invariant: nothing is called on a node while the build may move to another.
      if (searching !== undefined) await searching;
      if (failover !== undefined) throw nodeLost(nodeQueue);
      const restartsBefore = run.restarts;
      const startedMs = Date.now();
      const scope = new CancellationScope();
      const answer = watch(scope.run(() => call(node)));
      // The scope passes the cancellation on to the call, and the call decides how long it takes to
      // end.
      await CancellationScope.nonCancellable(() =>
        condition(
          () => answer.isSettled || run.restarts !== restartsBefore || failover !== undefined,
        ),
      );
      if (answer.isSettled) {
        try {
          return answer.take();
        } catch (error) {
          if (!isRepeatedAfterStop(error)) searching ??= lookAfter(error, startedMs);
        }
      }
      scope.cancel(); // The process that served this call is gone.
    }
  };
  return {
    mergesCalls: protocol >= MERGED_CALLS,
    acknowledgesAgain: protocol >= ACKNOWLEDGES_AGAIN,
    cleansUpLast: protocol >= CLEANS_UP_LAST,
    get failover() {
      return failover;
    },
    onNode,
  };
}

/**
 * Adapts the progress to a new node. The lines and the clean-up that the last node still had to do
 * are dropped, because the new node has neither that trace nor those files.
 */
function beginOn({ progress }: BuildRun, protocol: number): void {
  progress.startsForShells = protocol >= STARTS_FOR_SHELLS;
  progress.deferredPrintStages = [];
  progress.dueCleanup = undefined;
}

/** Whether a call failed because its node is lost, which is reported elsewhere. */
export function isNodeLost(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.type === NODE_LOST;
}

/**
 * Whether a call has to be repeated because the node's process was stopped during its last try.
 * Builds that an earlier release ended for this reason stay ended.
 */
function isRepeatedAfterStop(error: unknown): boolean {
  return isProcessStopped(error) && patched('repeats a call whose process was stopped');
}

function isRecordLost(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === FailureType.RecordLost;
}

function nodeLost(nodeQueue: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`${nodeQueue} does not answer any more`, NODE_LOST);
}

/**
 * Returns when the node was last known to be alive, if the call failed because the node was silent.
 */
function silentSince(error: unknown, startedMs: number): number | undefined {
  if (isNotPickedUp(error)) return startedMs;
  return isNodeSilent(error) ? Date.now() - HEARTBEAT_MS : undefined;
}
