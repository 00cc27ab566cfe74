import { CancellationScope, log, patched, sleep } from '@temporalio/workflow';
import type { BuildRef } from '../../activities/contract.ts';
import {
  afterScriptStatus,
  outcomeOfAfterScript,
  outcomeOfOwnTimeout,
  outcomeOfStages,
} from '../../domain/build/build-outcome.ts';
import type { BuildOutcome, Interruption, StageOutcome } from '../../domain/context/outcome.ts';
import type { BuildPlan, JobSummary, PlannedStage } from '../../domain/context/stage.ts';
import { acknowledge } from './acknowledgement.ts';
import { inBackground } from './background.ts';
import type { BuildScope } from '../failover/node-assignment.ts';
import type { BuildRun } from '../node/build-run.ts';
import { isDelivery, openStages, stageTimeLeft, type BuildStages } from './build-stages.ts';

export interface StageSequenceScope extends BuildScope {
  /** True: the call that prepares the environment also acknowledges the job. */
  readonly beginsInOneCall?: boolean;
}

const NODE_CONFIRMS_TIMEOUT = 'node-confirms-timeout';
/** Exit code for a payload that cannot be run. Source: gitlab-runner `common/trace.go`. */
const REJECTED_EXIT_CODE = 3;
/**
 * A clean-up only deletes a few files. One that takes longer than this hangs, and would occupy the
 * build's slot.
 */
const CLEANUP_LIMIT_MS = 5 * 60_000;

/** Runs the stages with the job's time limit, which begins before the environment is prepared. */
export async function runStageSequence(
  job: JobSummary,
  scope: StageSequenceScope,
): Promise<BuildOutcome> {
  const { rejection, rejectionReason, plan } = job;
  if (rejection !== undefined) {
    return {
      state: 'failed',
      reason: rejectionReason ?? 'runner_system_failure',
      exitCode: rejectionReason === undefined ? REJECTED_EXIT_CODE : undefined,
      message: rejection,
    };
  }
  const clock = startJobClock(job, scope);
  const stages = openStages(job, scope);
  const build = { buildId: job.buildId };
  const outcome =
    (await resolveSecrets(plan, { stages, run: scope.run })) ??
    (await prepare(job, { ...scope, stages, clock })) ??
    (await runStages(plan, { ...scope, build, stages, clock }));
  if (plan.terminal !== undefined) await stages.run(plan.terminal);
  clock.stop();
  return outcome;
}

interface PreparationScope extends StageSequenceScope {
  readonly stages: BuildStages;
  readonly clock: JobClock;
}

/** Prepares the environment. Returns an outcome when the build ends here. */
function prepare(job: JobSummary, scope: PreparationScope): Promise<BuildOutcome | undefined> {
  return scope.beginsInOneCall === true
    ? acknowledgeAndPrepare(job, scope)
    : scope.stages.prepare();
}

/**
 * Acknowledges the job and prepares the environment. The job's clock does not run while GitLab is
 * away and has not accepted the job.
 */
async function acknowledgeAndPrepare(
  job: JobSummary,
  scope: PreparationScope,
): Promise<BuildOutcome | undefined> {
  const { stages, clock } = scope;
  const outcome = await stages.acknowledgeAndPrepare();
  if (outcome !== 'unanswered') return outcome;
  clock.stop();
  const refused = await acknowledge(job, scope);
  if (refused !== undefined) return refused;
  clock.start();
  return stages.prepare();
}

/**
 * Resolves the secrets of the job, because nothing of the job can begin without them. Returns an
 * outcome when the build ends here.
 */
async function resolveSecrets(
  { secrets }: BuildPlan,
  { stages, run }: Pick<StagesScope, 'stages' | 'run'>,
): Promise<BuildOutcome | undefined> {
  if (secrets === undefined) return undefined;
  const ended = await stages.run(secrets);
  return ended.kind === 'succeeded' ? undefined : outcomeOfStages(ended, run.interruption);
}

interface StagesScope extends BuildScope {
  readonly build: BuildRef;
  readonly stages: BuildStages;
  readonly clock: JobClock;
}

async function runStages(plan: BuildPlan, scope: StagesScope): Promise<BuildOutcome> {
  const { stages, run } = scope;
  for (const stage of plan.preparation) {
    const limitMs = stage.name === 'get_sources' ? plan.sourcesTimeoutMs : undefined;
    const ended = await stages.run(stage, { limitMs });
    if (ended.kind === 'succeeded') continue;
    const { interruption } = run;
    const outcome = outcomeOfPreparation(stage, { ended, interruption, limitMs });
    // Without a preparation there is nothing to keep or clean up.
    if (stage.name === 'prepare_script') return outcome;
    const result = ended.kind === 'stopped' ? outcome : await keepFiles(plan, scope, outcome);
    await cleanUp(plan, scope);
    return result;
  }
  // A cancel before the user's own scripts skips the scripts.
  if (run.interruption !== undefined) {
    await cleanUp(plan, scope);
    return outcomeOfStages({ kind: 'stopped' }, run.interruption);
  }
  const outcome = await keepFiles(plan, scope, await runSteps(plan, scope));
  await cleanUp(plan, scope);
  return outcome;
}

/**
 * Saves caches, then uploads artifacts. A failure here fails a build that was successful so far.
 * The job's clock still counts while caches are saved. It stops at the first upload of artifacts,
 * because a GitLab that is away must not fail a job that has ended.
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

/** Runs every stage, whatever the outcomes of the others are. Returns the first failure. */
async function runAll(
  wanted: readonly PlannedStage[],
  { stages, run, clock }: StagesScope,
): Promise<StageOutcome> {
  let outcome: StageOutcome = { kind: 'succeeded' };
  for (const stage of wanted) {
    if (run.isOver()) break;
    if (isDelivery(stage)) clock.stop();
    const ended = await stages.run(stage);
    if (outcome.kind === 'succeeded') outcome = ended;
  }
  return outcome;
}

interface EndedPreparation {
  readonly ended: StageOutcome;
  readonly interruption: Interruption | undefined;
  /** Time limit of the stage itself. */
  readonly limitMs: number | undefined;
}

/**
 * Decides whose fault a failed preparation is. A shell that did not start is not the user's fault.
 * Source: gitlab-runner `common/build.go` (executePrepareScripts).
 */
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
  // A cancel comes too late now, so the outcome of the script stands.
  const interruption = run.interruption;
  const result = outcomeOfStages(outcome, interruption);
  if (plan.afterScript === undefined || run.isOver()) return result;

  const timeoutMs = plan.afterScriptTimeoutMs;
  const jobStatus = afterScriptStatus(result, interruption);
  const after = await stages.run(plan.afterScript, { jobStatus, limitMs: timeoutMs });
  if (run.isOver()) return outcomeOfStages({ kind: 'stopped' }, run.interruption);
  const isIgnored = plan.afterScriptIgnoreErrors || result.state !== 'success';
  return isIgnored ? result : outcomeOfAfterScript(after, timeoutMs);
}

async function runScript(plan: BuildPlan, scope: StagesScope): Promise<StageOutcome> {
  const { stages } = scope;
  const clock = startScriptClock(plan, scope);
  let outcome: StageOutcome = { kind: 'succeeded' };
  for (const step of plan.steps) {
    if (outcome.kind === 'succeeded') outcome = await stages.run(step);
  }
  clock?.cancel();
  return outcome;
}

/**
 * Starts the clock of the script, which begins with its first step. Returns undefined when the
 * script has no time-out of its own.
 */
function startScriptClock(
  { scriptTimeoutMs: timeoutMs, steps: [first] }: BuildPlan,
  scope: StagesScope,
): CancellationScope | undefined {
  if (timeoutMs === undefined || first === undefined) return undefined;
  return startTimer(scope.run, { kind: 'script_timeout', timeoutMs }, () =>
    stageTimeLeft({ name: first.name, attempt: 1 }, timeoutMs, scope),
  );
}

async function cleanUp(plan: BuildPlan, { assignment, stages, run }: StagesScope): Promise<void> {
  const { cleanup, finish, jobTimeoutMs } = plan;
  if (cleanup === undefined || run.isOver()) return;
  if (plan.cleansUpLast === true && assignment.cleansUpLast) {
    run.progress.dueCleanup = cleanup;
    await stages.run({ ...cleanup, place: 'runner' });
    return;
  }
  // The job's own clock ends with the first upload, except in builds planned by 0.1.0.
  const limitMs = finish && Math.min(CLEANUP_LIMIT_MS, jobTimeoutMs);
  const outcome = await stages.run(cleanup, { limitMs });
  if (outcome.kind !== 'succeeded') log.warn('clean-up stage failed', { outcome });
}

interface JobClock {
  /** Starts counting. */
  start(): void;
  stop(): void;
}

/** Ends the job when its time is over by both Temporal's clock and the node's clock. */
function startJobClock(
  { buildId, plan }: JobSummary,
  { assignment, run }: StageSequenceScope,
): JobClock {
  const { jobTimeoutMs: timeoutMs } = plan;
  const leftMs = async (): Promise<number> => {
    // Somebody may have set Temporal's clock. Builds of 0.1.0 do not ask the node.
    if (!assignment.mergesCalls && !patched(NODE_CONFIRMS_TIMEOUT)) return 0;
    return assignment.onNode((node) => node.quick.timeLeft({ buildId }, timeoutMs));
  };
  let timer: CancellationScope | undefined;
  const clock = {
    start: () => {
      run.progress.isTimed = true;
      timer = startTimer(run, { kind: 'job_timeout', timeoutMs }, leftMs);
    },
    stop: () => {
      run.progress.isTimed = false;
      timer?.cancel();
    },
  };
  clock.start();
  return clock;
}

/** Calls `leftMs` when the time is over, and then also waits for the time that it returns. */
function startTimer(
  run: BuildRun,
  interruption: Extract<Interruption, { timeoutMs: number }>,
  leftMs: () => Promise<number>,
): CancellationScope {
  const timer = new CancellationScope();
  inBackground(timer, async () => {
    let waitMs = interruption.timeoutMs;
    do {
      await sleep(waitMs);
      waitMs = await leftMs();
    } while (waitMs > 0);
    run.interrupt(interruption);
  });
  return timer;
}
