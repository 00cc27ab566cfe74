import {
  CancellationScope,
  getExternalWorkflowHandle,
  log,
  patched,
  type SignalDefinition,
} from '@temporalio/workflow';
import type { BuildRef } from '../activities/contract.ts';
import { canBeginInOneCall } from '../domain/build/begin-in-one-call.ts';
import type { BuildOutcome } from '../domain/context/outcome.ts';
import type { FailoverPlan } from '../domain/context/failover.ts';
import type { JobSummary } from '../domain/context/stage.ts';
import { nodeNameOf } from '../domain/runner/node-name.ts';
import { reasonOf, throwBug } from './node/activity-failure.ts';
import { logAndContinue, inBackground } from './build/background.ts';
import { isHeldAt, noticesWritten, shellStart, writeNotices } from './build/hold.ts';
import { endAsOutcome, watchCancelRequest } from './build/build-end.ts';
import { acknowledge } from './build/acknowledgement.ts';
import { runStageSequence } from './build/stage-sequence.ts';
import type { AssignedNode } from './failover/failover.ts';
import {
  openAssignment,
  type BuildScope,
  type NodeAssignment,
} from './failover/node-assignment.ts';
import { attributesOfEnd } from './node/build-attributes.ts';
import { openBuildRun, type BuildRun } from './node/build-run.ts';
import * as messages from './messages.ts';

export interface RunBuildInput {
  readonly job: JobSummary;
  /** Queue of the node with the job's record and containers. */
  readonly nodeQueue: string;
  /** The serveRunner that counts this build under the runner's `limit`. */
  readonly runnerWorkflowId: string;
  /**
   * True: that workflow already counts this build. False: the node has started the build from its
   * own record.
   */
  readonly isCounted: boolean;
  /** The data for a failover. Absent in builds of 0.1.0, which stay on their node. */
  readonly rescue?: FailoverPlan;
}

/**
 * Runs one job, from its acknowledgement to its last report, and leaves no environment behind.
 * Transient faults are retried by policy. A script never runs twice, because its stage re-attaches.
 */
export async function runBuild(input: RunBuildInput): Promise<BuildOutcome> {
  const run = openBuildRun(input.job);
  const isCancelRequested = watchCancelRequest();
  return CancellationScope.nonCancellable(async () => {
    const { outcome, assignment } = await runOnNodes(input, run);
    return endAsOutcome(
      {
        ...{ outcome, stage: run.progress.failedStage },
        markCanceled: () =>
          assignment.onNode((node) => node.stop.markCanceled({ buildId: input.job.buildId })),
      },
      isCancelRequested,
    );
  });
}

interface EndedBuild {
  readonly outcome: BuildOutcome;
  /** The last node that the build was on. */
  readonly assignment: NodeAssignment;
}

/**
 * Runs the build on its node. When that node is lost, another one runs the build or only reports
 * its end. Returns the last outcome.
 */
async function runOnNodes(input: RunBuildInput, run: BuildRun): Promise<EndedBuild> {
  const { job, rescue } = input;
  if (!input.isCounted) await signalRunner(input, messages.buildBegunSignal);
  const assignTo = ({ nodeQueue, fencingToken, protocol }: AssignedNode): NodeAssignment =>
    openAssignment({ job, nodeQueue, fencingToken, protocol, plan: rescue, run });
  let assignment = assignTo({
    nodeQueue: input.nodeQueue,
    fencingToken: 0,
    protocol: job.protocol,
  });
  let outcome = await runOnNode(input, { assignment, run });
  for (
    let failover = assignment.failover;
    failover !== undefined && failover.kind !== 'left';
    failover = assignment.failover
  ) {
    run.stages.tell([]);
    run.showAttributes({ Node: nodeNameOf(failover.nodeQueue) });
    assignment = assignTo(failover);
    outcome =
      failover.kind === 'moved'
        ? await runOnNode(input, { assignment, run })
        : await concludeElsewhere(input, {
            assignment,
            run,
            outcome: outcomeOfLostNode(outcome, failover),
          });
  }
  run.stages.tell([]);
  run.show({ stage: 'ended', outcome });
  run.showAttributes(attributesOfEnd(outcome, run.progress.failedStage));
  if (!run.progress.isReleased) await signalRunner(input, messages.buildEndedSignal);
  return { outcome, assignment };
}

/** Runs the build on one node for as long as that node is alive. */
async function runOnNode(input: RunBuildInput, scope: BuildScope): Promise<BuildOutcome> {
  const { job } = input;
  const { run } = scope;
  forgetAcknowledgement(scope);
  const beginsInOneCall = mayBeginInOneCall(job, scope);
  const refused = beginsInOneCall ? undefined : await acknowledge(job, scope);
  const background = new CancellationScope();
  if (refused === undefined) startBackgroundWork(input, scope, background);
  const outcome = refused ?? (await runStageSequence(job, { ...scope, beginsInOneCall }));
  // GitLab accepts neither trace nor result of a job that nobody has acknowledged.
  if (beginsInOneCall && !run.progress.isAcknowledged) await acknowledge(job, scope);
  const isRefused = refused !== undefined || run.progress.isRefused;
  let isHeld = !isRefused && keepContainersIfWanted(outcome, scope);
  if (!isRefused && run.notices.next !== undefined) {
    isHeld = await isHeldOnceWritten({ ...scope, outcome, isHeld });
  }
  await conclude(input, { ...scope, outcome, isHeld });
  await release(input, { ...scope, background });
  return outcome;
}

/**
 * Starts what runs beside the stages: the trace is sent until the result was reported with the
 * whole of it, and people's commands are written into it.
 */
function startBackgroundWork(
  input: RunBuildInput,
  scope: BuildScope,
  background: CancellationScope,
): void {
  inBackground(background, () => sendTrace(input, scope));
  inBackground(background, () => writeNotices({ buildId: input.job.buildId }, scope));
}

/**
 * Begins to keep the containers if a person wants that and the build still has its node. Returns
 * whether they are kept.
 */
function keepContainersIfWanted(outcome: BuildOutcome, { assignment, run }: BuildScope): boolean {
  return assignment.failover === undefined && run.holds.jobEnded(outcome);
}

/**
 * Waits until people's commands are in the trace. Returns whether the containers are kept: a command
 * that comes during this wait counts too. Builds of earlier releases removed the containers then.
 */
async function isHeldOnceWritten({
  outcome,
  isHeld = false,
  ...scope
}: Conclusion): Promise<boolean> {
  await noticesWritten(scope);
  const isWantedNow = !isHeld && scope.run.holds.isKeepWanted(outcome);
  if (!isWantedNow || !patched('keeps containers by a late command')) return isHeld;
  const isHeldNow = keepContainersIfWanted(outcome, scope);
  await noticesWritten(scope);
  return isHeldNow;
}

/**
 * Forgets that an earlier node has acknowledged the job, because each node that runs the build does
 * so itself. A node that only reports the end need not: see `concludeElsewhere`.
 */
function forgetAcknowledgement({ assignment, run }: BuildScope): void {
  if (assignment.mergesCalls) run.progress.isAcknowledged = false;
}

/** Whether one call acknowledges the job and prepares its environment. */
function mayBeginInOneCall(job: JobSummary, { assignment, run }: BuildScope): boolean {
  return (
    assignment.mergesCalls &&
    canBeginInOneCall(job) &&
    run.interruption === undefined &&
    !isHeldAt({ before: 'prepare_executor' }, run)
  );
}

/** Ends the build on a node that has only taken it over to report its end. */
async function concludeElsewhere(
  input: RunBuildInput,
  scope: BuildScope & { readonly outcome: BuildOutcome },
): Promise<BuildOutcome> {
  // GitLab accepts no trace of a job that nobody has acknowledged.
  if (!scope.run.progress.isAcknowledged) await acknowledge(input.job, scope);
  await conclude(input, scope);
  await release(input, scope);
  return scope.outcome;
}

/**
 * Deletes the record of the build. The node that does this also tells the runner's workflow, which
 * saves a task of this workflow.
 */
async function release(
  { job, runnerWorkflowId }: RunBuildInput,
  { assignment, run, background }: BuildScope & { readonly background?: CancellationScope },
): Promise<void> {
  const { mergesCalls, onNode } = assignment;
  const build = { buildId: job.buildId };
  if (!mergesCalls) background?.cancel();
  await logAndContinue('build not released', async () => {
    await onNode((node) =>
      mergesCalls
        ? node.quick.releaseBuild(build, runnerWorkflowId)
        : node.quick.releaseBuild(build),
    );
    run.progress.isReleased = mergesCalls;
  });
  // Not earlier: `uploadTrace` returns by itself after the report, or after the release if another
  // process has reported.
  background?.cancel();
}

/**
 * Returns the outcome of a build that has lost its node. The outcome of its last stages does not
 * count, because nobody has seen the end of its trace.
 */
function outcomeOfLostNode(
  { state }: BuildOutcome,
  { message }: { readonly message: string },
): BuildOutcome {
  if (state === 'aborted' || state === 'canceled') return { state };
  return { state: 'failed', reason: 'runner_system_failure', exitCode: undefined, message };
}

interface Conclusion extends BuildScope {
  readonly outcome: BuildOutcome;
  /** True: a person wants the containers to be kept. */
  readonly isHeld?: boolean;
}

/**
 * Reports the end of the build and cleans up. This also happens for a job that is rejected, because
 * an earlier build that Temporal has lost may have begun it.
 */
async function conclude(
  { job }: RunBuildInput,
  { assignment, run, outcome, isHeld = false }: Conclusion,
): Promise<void> {
  const build = { buildId: job.buildId };
  const { progress } = run;
  const deferred = progress.deferredPrintStages.splice(0);
  run.show({ stage: 'report', outcome });
  await Promise.all([
    logAndContinue('result not reported', async () => {
      await assignment.onNode(({ patient }) =>
        deferred.length > 0
          ? patient.reportResult(build, outcome, deferred)
          : patient.reportResult(build, outcome),
      );
      progress.isReported = true;
    }),
    logAndContinue('environment not destroyed', async () => {
      if (isHeld) await whileHeld(build, { assignment, run, outcome });
      run.holds.removalBegun();
      await assignment.onNode(({ quick }) =>
        progress.dueCleanup === undefined
          ? quick.destroyEnvironment(build)
          : quick.destroyEnvironment(build, progress.dueCleanup),
      );
    }),
  ]);
}

/** Shows the result in Temporal while the containers are kept, because GitLab has it too. */
async function whileHeld(build: BuildRef, { outcome, ...scope }: Conclusion): Promise<void> {
  const { run, assignment } = scope;
  const { kept, stages, shells } = run;
  run.show({ stage: 'hold' });
  run.showAttributes(attributesOfEnd(outcome, run.progress.failedStage));
  await kept.whenLetGo({
    ...{ stages, shells, start: shellStart(build, scope) },
    isLost: () => isResultDueElsewhere(assignment),
  });
}

/**
 * Whether another node has to tell GitLab the result. If GitLab has it already, the hold goes on,
 * because the lost node may come back. In builds of earlier releases a hold always went on.
 */
function isResultDueElsewhere({ failover }: NodeAssignment): boolean {
  if (failover === undefined || failover.kind === 'left') return false;
  return patched('another node reports the result before a hold ends');
}

/** Uploads the trace beside the stages, and learns from GitLab's answers when the job must end. */
async function sendTrace({ job }: RunBuildInput, { assignment, run }: BuildScope): Promise<void> {
  const build = { buildId: job.buildId };
  const { jobTimeoutMs: timeoutMs } = job.plan;
  let ignoreCanceling = run.interruption?.kind === 'canceling';
  let watched: { readonly jobTimeoutMs?: number } = { jobTimeoutMs: timeoutMs };
  for (;;) {
    const options = { ignoreCanceling, ...watched };
    const end = await assignment.onNode((node) =>
      node.patient.uploadTrace(build, { ...options, ...uploadWaitsOf({ assignment, run }) }),
    );
    if (end === 'sealed') return;
    // GitLab only answers to the trace of an acknowledged job.
    if (assignment.mergesCalls && end !== 'overdue') run.progress.isAcknowledged = true;
    if (end === 'aborted') return run.interrupt({ kind: 'aborted' });
    if (end === 'overdue') {
      if (run.progress.isTimed) run.interrupt({ kind: 'job_timeout', timeoutMs });
      watched = {};
    } else {
      run.interrupt({ kind: 'canceling' });
      ignoreCanceling = true;
    }
  }
}

/** Returns what the call waits for before it sends, and before it returns. */
function uploadWaitsOf({ assignment: { mergesCalls }, run: { progress } }: BuildScope) {
  if (!mergesCalls) return {};
  return {
    untilReleased: true,
    ...(!progress.isAcknowledged && { awaitsAcknowledgement: true }),
  };
}

async function signalRunner(
  { runnerWorkflowId, job }: RunBuildInput,
  signal: SignalDefinition<[buildId: string]>,
): Promise<void> {
  try {
    await getExternalWorkflowHandle(runnerWorkflowId).signal(signal, job.buildId);
  } catch (error) {
    throwBug(error);
    // The runner was removed from the config meanwhile, so its workflow no longer counts the build.
    log.info('runner not told of the build', { reason: reasonOf(error) });
  }
}
