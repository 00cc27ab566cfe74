import {
  CancellationScope,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  sleep,
  type SignalDefinition,
} from '@temporalio/workflow';
import {
  afterScriptStatus,
  outcomeOfOwnTimeout,
  outcomeOfStages,
} from '../domain/build/build-outcome.ts';
import type { BuildOutcome, Interruption, StageOutcome } from '../domain/build/outcome.ts';
import type { Rescue } from '../domain/build/rescue.ts';
import type { BuildPlan, JobSummary, PlannedStage } from '../domain/build/stage.ts';
import { outcomeOfFailure, reasonOf, throwBug } from './activity-failure.ts';
import { isNodeLost, openHome, type BuildHome } from './build-home.ts';
import { openBuildRun, type BuildRun } from './build-run.ts';
import { isDelivery, openStages, type BuildStages } from './build-stages.ts';
import * as messages from './messages.ts';

export interface RunBuildInput {
  readonly job: JobSummary;
  /** Queue of the node that holds the job's record and runs its containers. */
  readonly nodeQueue: string;
  /** The serveRunner that counts this build under the runner's `limit`. */
  readonly runnerWorkflowId: string;
  /** Whether it does so already: not when the node began the build, from its own record. */
  readonly isCounted: boolean;
  /** For the day on which the node is lost. Absent in builds of 0.1.0: they stay where they are. */
  readonly rescue?: Rescue;
}

/** What an exit code says of a payload that cannot be run. Source: spec/coordinator-api §4 b. */
const REJECTED_EXIT_CODE = 3;

/**
 * Runs one job, from its acknowledgement to its last report. Leaves no environment behind. Every
 * fault that passes is retried by policy; a script is never run twice, its stage re-attaches.
 */
export async function runBuild(input: RunBuildInput): Promise<BuildOutcome> {
  const run = openBuildRun();
  return CancellationScope.nonCancellable(() => runInOrder(input, run));
}

interface BuildScope {
  readonly home: BuildHome;
  readonly run: BuildRun;
}

async function runInOrder(input: RunBuildInput, run: BuildRun): Promise<BuildOutcome> {
  const { job, nodeQueue, rescue } = input;
  if (!input.isCounted) await tellRunner(input, messages.buildBegunSignal);
  let home = openHome({ job, nodeQueue, term: 0, rescue, run });
  let outcome = await runAtHome(input, { home, run });
  for (let fate = home.fate; fate !== undefined && fate.kind !== 'left'; fate = home.fate) {
    home = openHome({ job, nodeQueue: fate.nodeQueue, term: fate.term, rescue, run });
    outcome =
      fate.kind === 'moved'
        ? await runAtHome(input, { home, run })
        : await concludeElsewhere(input, { home, run, outcome: outcomeOfLoss(outcome, fate) });
  }
  run.show({ stage: 'ended', outcome });
  await tellRunner(input, messages.buildEndedSignal);
  return outcome;
}

/** All of a build on one node, as long as the node is there. */
async function runAtHome(input: RunBuildInput, scope: BuildScope): Promise<BuildOutcome> {
  const refused = await acknowledge(input, scope);
  // The trace is sent from here until the result has been reported with all of it.
  const sending = new CancellationScope();
  if (refused === undefined) inBackground(sending, () => sendTrace(input, scope));
  const outcome = refused ?? (await runUntilInterrupted(input, scope));
  await conclude(input, { ...scope, outcome });
  sending.cancel();
  await release(input, scope);
  return outcome;
}

/** On a node that has taken a build over only to tell GitLab how it ended. */
async function concludeElsewhere(
  input: RunBuildInput,
  scope: BuildScope & { readonly outcome: BuildOutcome },
): Promise<BuildOutcome> {
  // GitLab takes no trace of a job that nobody has said to run.
  if (!scope.run.progress.isAcknowledged) await acknowledge(input, scope);
  await conclude(input, scope);
  await release(input, scope);
  return scope.outcome;
}

async function release({ job }: RunBuildInput, { home }: BuildScope): Promise<void> {
  await attempt('build not released', () =>
    home.onNode(() => home.node.quick.releaseBuild({ buildId: job.buildId })),
  );
}

/** Whatever its last stages have come to: nobody has seen the end of its trace. */
function outcomeOfLoss(
  { state }: BuildOutcome,
  { message }: { readonly message: string },
): BuildOutcome {
  if (state === 'aborted' || state === 'canceled') return { state };
  return { state: 'failed', reason: 'runner_system_failure', exitCode: undefined, message };
}

/** Returns an outcome when the build ends here: GitLab must know of it before anything is begun. */
async function acknowledge(
  { job }: RunBuildInput,
  { home, run }: BuildScope,
): Promise<BuildOutcome | undefined> {
  try {
    const answer = await home.onNode(() =>
      home.node.quick.acknowledgeJob({ buildId: job.buildId }),
    );
    run.progress.isAcknowledged = true;
    if (answer === 'canceling') run.interrupt({ kind: 'canceling' });
    return answer === 'taken' || answer === 'gone' ? { state: 'aborted' } : undefined;
  } catch (error) {
    return outcomeOfFailure(error, run.interruption);
  }
}

/** Also for a job that is refused: a build that Temporal has lost since may have begun it. */
async function conclude(
  { job }: RunBuildInput,
  { home, run, outcome }: BuildScope & { readonly outcome: BuildOutcome },
): Promise<void> {
  const build = { buildId: job.buildId };
  run.show({ stage: 'report', outcome });
  await Promise.all([
    attempt('result not reported', async () => {
      await home.onNode(() => home.node.patient.reportResult(build, outcome));
      run.progress.isReported = true;
    }),
    attempt('environment not destroyed', () =>
      home.onNode(() => home.node.quick.destroyEnvironment(build)),
    ),
  ]);
}

/** Runs beside the stages; learns from GitLab's answers that the job is to end. */
async function sendTrace({ job }: RunBuildInput, { home, run }: BuildScope): Promise<void> {
  const build = { buildId: job.buildId };
  let ignoreCanceling = run.interruption?.kind === 'canceling';
  for (;;) {
    const options = { ignoreCanceling };
    const end = await home.onNode(() => home.node.patient.uploadTrace(build, options));
    if (end === 'sealed') return;
    if (end === 'aborted') return run.interrupt({ kind: 'aborted' });
    run.interrupt({ kind: 'canceling' });
    ignoreCanceling = true;
  }
}

/** The stages under the job's clock, which starts before the environment is prepared. */
async function runUntilInterrupted(input: RunBuildInput, scope: BuildScope): Promise<BuildOutcome> {
  const { rejection, rejectionReason, plan } = input.job;
  if (rejection !== undefined) {
    return {
      state: 'failed',
      reason: rejectionReason ?? 'runner_system_failure',
      exitCode: rejectionReason === undefined ? REJECTED_EXIT_CODE : undefined,
      message: rejection,
    };
  }
  const clock = startTimer(scope.run, { kind: 'job_timeout', timeoutMs: plan.jobTimeoutMs });
  const stages = openStages(input.job, scope);
  const outcome =
    (await resolveSecrets(plan, { stages, run: scope.run })) ??
    (await stages.prepare()) ??
    (await runStages(plan, { stages, run: scope.run, clock }));
  clock.cancel();
  return outcome;
}

/** Without them nothing of the job is begun. Returns an outcome when the build ends here. */
async function resolveSecrets(
  { secrets }: BuildPlan,
  { stages, run }: Omit<StagesScope, 'clock'>,
): Promise<BuildOutcome | undefined> {
  if (secrets === undefined) return undefined;
  const ended = await stages.run(secrets, { jobStatus: 'running' });
  return ended.kind === 'succeeded' ? undefined : outcomeOfStages(ended, run.interruption);
}

interface StagesScope {
  readonly stages: BuildStages;
  readonly run: BuildRun;
  /** Of the job. */
  readonly clock: CancellationScope;
}

async function runStages(plan: BuildPlan, scope: StagesScope): Promise<BuildOutcome> {
  const { stages, run } = scope;
  for (const stage of plan.preparation) {
    const limitMs = stage.name === 'get_sources' ? plan.sourcesTimeoutMs : undefined;
    const limit = limitMs === undefined ? {} : { limitMs };
    const ended = await stages.run(stage, { jobStatus: 'running', ...limit });
    if (ended.kind === 'succeeded') continue;
    const { interruption } = run;
    const outcome = outcomeOfPreparation(stage, { ended, interruption, limitMs });
    // Without its preparation there is nothing that could be kept or cleaned up.
    if (stage.name === 'prepare_script') return outcome;
    const result = ended.kind === 'stopped' ? outcome : await keepFiles(plan, scope, outcome);
    await cleanUp(plan, scope);
    return result;
  }
  // A cancel that came before the user's own scripts spares them altogether.
  if (run.interruption !== undefined) {
    await cleanUp(plan, scope);
    return outcomeOfStages({ kind: 'stopped' }, run.interruption);
  }
  const outcome = await keepFiles(plan, scope, await runSteps(plan, scope));
  await cleanUp(plan, scope);
  return outcome;
}

/**
 * Saves caches, then hands over artifacts. What fails there fails a build that was good so far. The
 * job's clock ends with its own work: a GitLab that is away must not fail a job that has ended.
 */
async function keepFiles(
  { finish }: BuildPlan,
  scope: StagesScope,
  result: BuildOutcome,
): Promise<BuildOutcome> {
  const { run } = scope;
  const wanted = result.state === 'success' ? finish?.onSuccess : finish?.onFailure;
  if (wanted === undefined || wanted.length === 0) return result;
  const outcome = await runAll(wanted, scope);
  if (run.isOver()) return outcomeOfStages({ kind: 'stopped' }, run.interruption);
  return result.state === 'success' ? outcomeOfStages(outcome, run.interruption) : result;
}

/** Whatever one stage comes to, the next is run. Returns the first that is not well. */
async function runAll(
  wanted: readonly PlannedStage[],
  { stages, run, clock }: StagesScope,
): Promise<StageOutcome> {
  let outcome: StageOutcome = { kind: 'succeeded' };
  for (const stage of wanted) {
    if (run.isOver()) break;
    if (isDelivery(stage)) clock.cancel();
    const ended = await stages.run(stage, { jobStatus: 'running' });
    if (outcome.kind === 'succeeded') outcome = ended;
  }
  return outcome;
}

interface EndedPreparation {
  readonly ended: StageOutcome;
  readonly interruption: Interruption | undefined;
  /** Of the stage's own. */
  readonly limitMs: number | undefined;
}

/** The shell itself does not start: nothing of that is the user's doing. Source: spec/execution §1. */
function outcomeOfPreparation(
  { name }: PlannedStage,
  { ended, interruption, limitMs }: EndedPreparation,
): BuildOutcome {
  if (limitMs !== undefined && ended.kind === 'stopped' && interruption === undefined) {
    return outcomeOfOwnTimeout('get sources', limitMs);
  }
  if (name !== 'prepare_script' || ended.kind !== 'script_failed') {
    return outcomeOfStages(ended, interruption);
  }
  return {
    state: 'failed',
    reason: 'runner_system_failure',
    exitCode: undefined,
    message: `prepare environment: exit code ${ended.exitCode}`,
  };
}

async function runSteps(plan: BuildPlan, scope: StagesScope): Promise<BuildOutcome> {
  const { stages, run } = scope;
  const outcome = await runScript(plan, scope);
  // From here on a cancel comes too late: what the script did stands.
  const interruption = run.interruption;
  const result = outcomeOfStages(outcome, interruption);
  if (plan.afterScript === undefined || run.isOver()) return result;

  const timeoutMs = plan.afterScriptTimeoutMs;
  const jobStatus = afterScriptStatus(result, interruption);
  const after = await stages.run(plan.afterScript, { jobStatus, limitMs: timeoutMs });
  if (run.isOver()) return outcomeOfStages({ kind: 'stopped' }, run.interruption);
  const isIgnored = plan.afterScriptIgnoreErrors || result.state !== 'success';
  return isIgnored ? result : outcomeOfStages(after, { kind: 'script_timeout', timeoutMs });
}

async function runScript(plan: BuildPlan, { stages, run }: StagesScope): Promise<StageOutcome> {
  const { scriptTimeoutMs: timeoutMs } = plan;
  const clock =
    timeoutMs === undefined ? undefined : startTimer(run, { kind: 'script_timeout', timeoutMs });
  let outcome: StageOutcome = { kind: 'succeeded' };
  for (const step of plan.steps) {
    if (outcome.kind === 'succeeded') outcome = await stages.run(step, { jobStatus: 'running' });
  }
  clock?.cancel();
  return outcome;
}

async function cleanUp({ cleanup }: BuildPlan, { stages, run }: StagesScope): Promise<void> {
  if (cleanup === undefined || run.isOver()) return;
  const outcome = await stages.run(cleanup, { jobStatus: 'running' });
  if (outcome.kind !== 'succeeded') log.warn('clean-up stage failed', { outcome });
}

function startTimer(
  run: BuildRun,
  interruption: Extract<Interruption, { timeoutMs: number }>,
): CancellationScope {
  const timer = new CancellationScope();
  inBackground(timer, async () => {
    await sleep(interruption.timeoutMs);
    run.interrupt(interruption);
  });
  return timer;
}

/** Nobody waits for this; it ends with its scope at the latest. */
function inBackground(scope: CancellationScope, work: () => Promise<void>): void {
  void attempt('background work ended early', () => scope.run(work));
}

/** Whatever becomes of this, the build goes on: its fault is for the operator to read. */
async function attempt(complaint: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throwBug(error);
    if (isCancellation(error) || isNodeLost(error)) return;
    log.error(complaint, { reason: reasonOf(error) });
  }
}

async function tellRunner(
  { runnerWorkflowId, job }: RunBuildInput,
  signal: SignalDefinition<[buildId: string]>,
): Promise<void> {
  try {
    await getExternalWorkflowHandle(runnerWorkflowId).signal(signal, job.buildId);
  } catch (error) {
    throwBug(error);
    // The runner was removed from the config meanwhile: nobody counts any more.
    log.info('runner not told of the build', { reason: reasonOf(error) });
  }
}
