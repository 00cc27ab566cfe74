import { condition, patched } from '@temporalio/workflow';
import type { Beginning, BuildRef, StageRequest, StageTry } from '../../activities/contract.ts';
import { outcomeOfOwnTimeout, outcomeOfStages } from '../../domain/build/build-outcome.ts';
import type { HoldPoint } from '../../domain/build/hold.ts';
import type { BuildOutcome, StageOutcome } from '../../domain/context/outcome.ts';
import { clearValue } from '../../domain/clear-text.ts';
import type { BuildPlan, JobSummary, PlannedStage, StageName } from '../../domain/context/stage.ts';
import { outcomeOfFailure, stageFaultOf, throwBug } from '../node/activity-failure.ts';
import type { BuildScope } from '../failover/node-assignment.ts';
import type { BuildNode } from '../node/build-node.ts';
import type { StageEnd } from '../node/stage-progress.ts';
import { isHeldAt, stopAt } from './hold.ts';
import { settleAcknowledgement } from './acknowledgement.ts';
import { openCanceller, type EndingKinds, type Canceller } from './canceller.ts';

/** Runs the stages of one build one after another. */
export interface BuildStages {
  /**
   * Tells GitLab that the job runs and prepares the environment, with one call. Returns an outcome
   * when the build ends here. Returns `unanswered` when GitLab is away: the caller then calls
   * `prepare`, after the job was acknowledged.
   */
  acknowledgeAndPrepare(): Promise<BuildOutcome | 'unanswered' | undefined>;
  /**
   * Prepares the environment of an acknowledged job. Returns an outcome when the build ends here.
   */
  prepare(): Promise<BuildOutcome | undefined>;
  /** Runs a stage with all its tries. Runs nothing when the build is over. */
  run(stage: PlannedStage, options?: StageOptions): Promise<StageOutcome>;
}

export interface StageOptions {
  /** `CI_JOB_STATUS` of the stage's script. The default is `running`. */
  readonly jobStatus?: StageRequest['jobStatus'];
  /** The stage is stopped when all its tries together take longer. */
  readonly limitMs?: number | undefined;
}

const FIRST_RETRY_PAUSE_MS = 5_000;
const MAX_RETRY_PAUSE_MS = 300_000;
const NODE_CONFIRMS_LIMITS = 'node-confirms-stage-limits';
const PAUSE_ENDS_AT_FAILOVER = 'a pause before a try ends at a failover';
const LINES_GO_WITH_NEXT = 'lines of the runner go with the next stage';
const SHORT_PAUSE = { firstMs: 1_000, maxMs: 5_000 };

interface Parts extends BuildScope {
  readonly job: JobSummary;
  readonly plan: BuildPlan;
  readonly build: BuildRef;
  readonly canceller: Canceller;
}

export function openStages(job: JobSummary, { assignment, run }: BuildScope): BuildStages {
  const { buildId, plan } = job;
  const build = { buildId };
  run.progress.failedStage = undefined; // A failure on the previous node does not count.
  const parts: Parts = {
    ...{ job, build, plan, assignment, run },
    canceller: openCanceller(build, { assignment, run }),
  };
  return {
    acknowledgeAndPrepare: () => prepare(parts, () => beginOnce(parts)),
    prepare: () => prepare<never>(parts, () => prepareOnce(parts)),

    run: async (stage, options = {}) => {
      const point: HoldPoint = { before: stage.name };
      if (isHeldAt(point, run)) await stopAt(point, parts);
      const isPrintedLater = assignment.mergesCalls || patched(LINES_GO_WITH_NEXT);
      if (stage.place === 'runner' && isPrintedLater) {
        run.progress.deferredPrintStages.push(stage);
        run.stages.begin(stage.name, 1)({ end: 'succeeded' });
        return { kind: 'succeeded' };
      }
      const deferred = run.progress.deferredPrintStages.splice(0);
      const outcome = await runTries(stage, { ...options, deferred }, parts);
      if (outcome.kind !== 'succeeded') run.progress.failedStage ??= stage.name;
      return outcome;
    },
  };
}

/**
 * Returns an outcome when the build ends with this try, and undefined when the environment is
 * prepared. Only a try that also acknowledges the job may be `unanswered`.
 */
type PrepareTry<Unanswered> = () => Promise<BuildOutcome | Unanswered | undefined>;

/** Prepares the environment with all tries. The first one may also acknowledge the job. */
async function prepare<Unanswered extends 'unanswered'>(
  parts: Parts,
  firstTry: PrepareTry<Unanswered>,
): Promise<BuildOutcome | Unanswered | undefined> {
  const { run } = parts;
  const point: HoldPoint = { before: 'prepare_executor' };
  if (isHeldAt(point, run)) await stopAt(point, parts);
  const outcome = await prepareTries(parts, firstTry);
  if (typeof outcome === 'object' && !run.progress.isRefused) {
    run.progress.failedStage ??= 'prepare_executor';
  }
  return outcome;
}

/**
 * Prepares the environment, again if a person asks for it after a failure. No script may run before
 * the workflow knows that the job is acknowledged, so a try whose answer was lost is repeated whole.
 */
async function prepareTries<Unanswered extends 'unanswered'>(
  parts: Parts,
  firstTry: PrepareTry<Unanswered>,
): Promise<BuildOutcome | Unanswered | undefined> {
  const { run } = parts;
  const failurePoint: HoldPoint = { failureOf: 'prepare_executor' };
  for (let attempt = 1; ; attempt += 1) {
    run.show({ stage: 'prepare_executor' });
    run.showAttributes({ Stage: 'prepare_executor' });
    const endRow = run.stages.begin('prepare_executor', attempt);
    const outcome = await (isWholeTry(attempt, parts) ? firstTry() : prepareOnce(parts));
    if (typeof outcome === 'string') {
      endRow({ end: outcome });
      return outcome;
    }
    endRow({ end: outcome === undefined ? 'succeeded' : outcome.state });
    if (outcome?.state !== 'failed' || !isHeldAt(failurePoint, run)) return outcome;
    if (!(await stopAt(failurePoint, parts))) return outcome;
  }
}

/** Whether a try of the preparation does all that the first one does. */
function isWholeTry(attempt: number, { assignment, run }: Parts): boolean {
  return attempt === 1 || (assignment.acknowledgesAgain && !run.progress.isAcknowledged);
}

interface StageTries extends StageOptions {
  /** Stages whose lines this stage prints before its own. */
  readonly deferred: readonly PlannedStage[];
}

async function runTries(
  stage: PlannedStage,
  options: StageTries,
  parts: Parts,
): Promise<StageOutcome> {
  const { run, assignment, plan } = parts;
  let outcome: StageOutcome = { kind: 'stopped' };
  let { attempts } = stage;
  const leftMs = timeLeft(options.limitMs);
  const isEnding = (): boolean => parts.canceller.isStuck || run.isInterruptedBy(endingOf(stage));
  const failurePoint: HoldPoint = { failureOf: stage.name };
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const limitMs = leftMs();
    if (isEnding() || limitMs === 0) return stopBeforeTry(attempt, options, parts);
    outcome = await runTry({ stage, attempt, options, limitMs }, parts);
    if (!hasFailed(outcome, isHeldAt(failurePoint, run)) || assignment.failover !== undefined) {
      return outcome;
    }
    const pauseMs = Math.min(retryPauseMs(attempt, plan), leftMs() ?? Infinity);
    if (attempt < attempts) {
      await pauseBeforeTry(attempt + 1, pauseMs, { stage, run, assignment, isEnding });
    } else if (isHeldAt(failurePoint, run) && (await stopAt(failurePoint, parts))) attempts += 1;
  }
  return outcome;
}

/** Ends a stage before a try. Lines that no try has taken along go with a later call. */
function stopBeforeTry(attempt: number, { deferred }: StageTries, { run }: Parts): StageOutcome {
  if (attempt === 1) run.progress.deferredPrintStages.push(...deferred);
  return { kind: 'stopped' };
}

/**
 * Whether the stage has failed. A cache that was not saved counts as a failure only when a person
 * wants to stop there.
 */
function hasFailed(outcome: StageOutcome, isHeld: boolean): boolean {
  if (outcome.kind === 'succeeded') return isHeld && outcome.isIncomplete === true;
  return outcome.kind !== 'stopped';
}

interface Try {
  readonly stage: PlannedStage;
  readonly attempt: number;
  readonly options: StageTries;
  readonly limitMs: number | undefined;
}

async function runTry(
  { stage, attempt, options, limitMs }: Try,
  parts: Parts,
): Promise<StageOutcome> {
  const { run } = parts;
  run.show({ stage: stage.name });
  run.showAttributes({ Stage: stage.name });
  const endRow = run.stages.begin(stage.name, attempt);
  const { jobStatus = 'running', deferred } = options;
  const request = {
    ...{ stage, attempt, jobStatus },
    ...(deferred.length > 0 && { before: deferred }),
  };
  const outcome = await runOnce(request, limitMs, parts);
  endRow(stageEndOf(outcome));
  return outcome;
}

interface PauseScope extends BuildScope {
  readonly stage: PlannedStage;
  isEnding(): boolean;
}

/** Waits before a try. The build does not wait on a node that it has lost. */
async function pauseBeforeTry(
  attempt: number,
  pauseMs: number,
  { stage, run, assignment, isEnding }: PauseScope,
): Promise<void> {
  const what = `try ${attempt} of ${stage.name}`;
  const summary = clearValue(`pause before ${what}`);
  const isOver = (): boolean =>
    isEnding() || (assignment.failover !== undefined && patched(PAUSE_ENDS_AT_FAILOVER));
  await run.stages.waitFor(what, () => condition(isOver, pauseMs, { summary }));
}

function stageEndOf(outcome: StageOutcome): StageEnd {
  return outcome.kind === 'script_failed'
    ? { end: outcome.kind, exitCode: outcome.exitCode }
    : { end: outcome.kind };
}

/**
 * Returns a function that tells the milliseconds until the limit, counted from now; undefined when
 * there is no limit.
 */
function timeLeft(limitMs: number | undefined): () => number | undefined {
  if (limitMs === undefined) return () => undefined;
  const endMs = Date.now() + limitMs;
  return () => Math.max(0, endMs - Date.now());
}

/** One try that tells GitLab that the job runs, and prepares the environment. */
function beginOnce(parts: Parts): Promise<BuildOutcome | 'unanswered' | undefined> {
  return tryToPrepare(parts, {
    call: (node) => node.prepare.beginBuild(parts.build),
    settle: (beginning) => settleBeginning(beginning, parts),
  });
}

/** One try that prepares the environment of an acknowledged job. */
function prepareOnce(parts: Parts): Promise<BuildOutcome | undefined> {
  return tryToPrepare(parts, {
    call: (node) => node.prepare.prepareEnvironment(parts.build),
    settle: () => undefined,
  });
}

interface PrepareCall<Answer, Settled> {
  call(node: BuildNode): Promise<Answer>;
  settle(answer: Answer): Settled;
}

async function tryToPrepare<Answer, Settled>(
  parts: Parts,
  { call, settle }: PrepareCall<Answer, Settled>,
): Promise<BuildOutcome | Settled> {
  const { run, plan, canceller } = parts;
  const ending = ['canceling', 'job_timeout', 'aborted'] as const;
  const { prepareTimeoutMs: limitMs } = plan;
  const ended = run.isInterruptedBy(ending)
    ? undefined
    : await canceller.run({ call, ending, limitMs, how: 'kill' });
  if (ended === undefined) {
    return limitMs === undefined || run.isInterruptedBy(ending)
      ? outcomeOfStages({ kind: 'stopped' }, run.interruption)
      : outcomeOfOwnTimeout('prepare', limitMs);
  }
  try {
    return settle(ended.take());
  } catch (error) {
    return outcomeOfFailure(error, run.interruption);
  }
}

function settleBeginning(
  beginning: Beginning,
  { job, run }: Parts,
): BuildOutcome | 'unanswered' | undefined {
  if (beginning === 'unanswered') return beginning;
  const refused = settleAcknowledgement(beginning, job, run);
  if (refused !== undefined || beginning === 'accepted') return refused;
  return outcomeOfStages({ kind: 'stopped' }, run.interruption);
}

async function runOnce(
  request: StageRequest,
  limitMs: number | undefined,
  { build, assignment, run, canceller }: Parts,
): Promise<StageOutcome> {
  const { stage, attempt } = request;
  const summary = attempt === 1 ? stage.name : `${stage.name}, try ${attempt}`;
  const ended = await canceller.run({
    call: (node) => {
      // Set just before the call, because until then the build may move to another node.
      if (stage.name.startsWith('step_')) run.progress.hasBegunScript = true;
      const { runStage } = isDelivery(stage) ? node.patient : node.stage;
      return runStage.executeWithOptions({ summary: clearValue(summary) }, [build, request]);
    },
    ending: endingOf(stage),
    limitMs,
    leftMs: async () =>
      stageTimeLeft({ name: stage.name, attempt }, limitMs, { build, assignment }),
    // Only the user's own scripts get time to clean up. Source: gitlab-runner
    // `executors/docker/docker.go` (startAndWatchContainer).
    how: stage.place === 'build' ? 'graceful' : 'kill',
  });
  // The build itself stopped the stage, so the exit code does not matter.
  if (ended === undefined) return { kind: 'stopped' };
  try {
    return ended.take();
  } catch (error) {
    return stageFaultOf(error);
  }
}

/**
 * Returns the time that is left by the node's clock when a limit has passed by Temporal's clock,
 * because somebody may have set Temporal's clock. Returns 0 when the node cannot tell. Builds of
 * 0.1.0 do not ask.
 */
export async function stageTimeLeft(
  stage: StageTry,
  limitMs: number | undefined,
  { build, assignment }: Pick<Parts, 'build' | 'assignment'>,
): Promise<number> {
  if (limitMs === undefined) return 0;
  if (!assignment.mergesCalls && !patched(NODE_CONFIRMS_LIMITS)) return 0;
  try {
    return await assignment.onNode((node) => node.quick.timeLeft(build, limitMs, stage));
  } catch (error) {
    throwBug(error);
    return 0;
  }
}

/** Source: gitlab-runner FF_USE_EXPONENTIAL_BACKOFF_STAGE_RETRY. */
function retryPauseMs(attempt: number, { hasShortPauses }: BuildPlan): number {
  const factor = 2 ** (attempt - 1);
  return hasShortPauses === undefined
    ? Math.min(FIRST_RETRY_PAUSE_MS * factor, MAX_RETRY_PAUSE_MS)
    : Math.min(SHORT_PAUSE.firstMs * factor, SHORT_PAUSE.maxMs);
}

/**
 * Returns the interruptions that end a running stage. Source: gitlab-runner `common/build.go`
 * (configureTrace, executeUserScripts). Unlike there, a time-out does not end a delivery.
 */
function endingOf({ name }: PlannedStage): EndingKinds {
  const always = ['aborted', 'job_timeout'] as const;
  if (name.startsWith('step_')) return [...always, 'canceling', 'script_timeout'];
  if (isDelivery({ name })) return ['aborted'];
  return AFTER_THE_SCRIPT.has(name) ? always : [...always, 'canceling'];
}

/** A cancel during these stages comes too late to change the outcome. */
const AFTER_THE_SCRIPT: ReadonlySet<StageName> = new Set([
  'after_script',
  'archive_cache',
  'archive_cache_on_failure',
  'cleanup_file_variables',
]);

/**
 * Whether the stage sends results of the job to GitLab. Such a stage runs however long GitLab is
 * away.
 */
export function isDelivery({ name }: Pick<PlannedStage, 'name'>): boolean {
  return name === 'upload_artifacts_on_success' || name === 'upload_artifacts_on_failure';
}
