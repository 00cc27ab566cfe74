import {
  ActivityCancellationType,
  CancellationScope,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  proxyActivities,
  setCurrentDetails,
  sleep,
} from '@temporalio/workflow';
import type { BuildActivities, BuildRef, StageRequest } from '../activities/contract.ts';
import { afterScriptStatus, outcomeOfStages } from '../domain/build/build-outcome.ts';
import type { BuildOutcome, Interruption, StageOutcome } from '../domain/build/outcome.ts';
import { formatStageTable } from '../domain/build/stage-table.ts';
import type { BuildPlan, JobSummary, PlannedStage } from '../domain/build/stage.ts';
import { outcomeOfFailure, stageFaultOf } from './activity-failure.ts';
import { openBuildRun, type BuildRun } from './build-run.ts';
import * as messages from './messages.ts';

export interface RunBuildInput {
  readonly job: JobSummary;
  /** Queue of the node that holds the job's record and runs its containers. */
  readonly nodeQueue: string;
  /** The serveRunner that counts this build under the runner's `limit`. */
  readonly runnerWorkflowId: string;
}

/** How long a stopped stage may take to end before the build goes on without it. */
const STOP_LIMIT = '5 minutes';

/**
 * Runs one job, from its acknowledgement to its last report. Leaves no environment behind. Every
 * fault that passes is retried by policy; a script is never run twice, its stage re-attaches.
 */
export async function runBuild(input: RunBuildInput): Promise<BuildOutcome> {
  const run = openBuildRun();
  // A person's cancel request is a wish like GitLab's: the build ends in good order.
  CancellationScope.current().cancelRequested.catch(() => run.interrupt({ kind: 'canceling' }));
  return CancellationScope.nonCancellable(() => runInOrder(input, run));
}

async function runInOrder(input: RunBuildInput, run: BuildRun): Promise<BuildOutcome> {
  const build = { buildId: input.job.buildId };
  const node = proxyNode(input);
  const acknowledgement = await run.onNode(() => node.quick.acknowledgeJob(build));
  if (acknowledgement === 'canceling') run.interrupt({ kind: 'canceling' });

  let outcome: BuildOutcome = { state: 'aborted' };
  if (acknowledgement === 'accepted' || acknowledgement === 'canceling') {
    const uploading = uploadTrace(build, { node, run });
    outcome = await runUntilInterrupted(input, { node, run });
    run.show({ stage: 'report', outcome });
    await Promise.all([
      run.onNode(() => node.patient.reportResult(build, outcome)),
      run.onNode(() => node.quick.destroyEnvironment(build)),
    ]);
    await uploading;
  }
  await run.onNode(() => node.quick.releaseBuild(build));
  run.show({ stage: 'ended', outcome });
  await tellRunner(input);
  return outcome;
}

interface BuildScope {
  readonly node: NodeProxy;
  readonly run: BuildRun;
}

type NodeProxy = ReturnType<typeof proxyNode>;

function proxyNode({ nodeQueue, job }: RunBuildInput) {
  const common = {
    taskQueue: nodeQueue,
    heartbeatTimeout: '30 seconds', // the longest a hanging process goes unnoticed
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  } as const;
  return {
    /** Short calls, repeated until they pass. */
    quick: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: '15 minutes',
      retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
    }),
    /** gitlab-runner tries to prepare three times, three seconds apart. */
    prepare: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: job.plan.jobTimeoutMs,
      retry: { initialInterval: '3 seconds', backoffCoefficient: 1, maximumAttempts: 3 },
    }),
    /** Stages last as long as the job may; the job's own timer ends them earlier. */
    stage: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: job.plan.jobTimeoutMs + 3_600_000,
      retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
    }),
    /** A finished job's result is delivered however long GitLab is away. */
    patient: proxyActivities<BuildActivities>({
      ...common,
      startToCloseTimeout: '1 day',
      retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
    }),
  };
}

/** Runs beside the stages; learns from GitLab's answers that the job is to end. */
async function uploadTrace(build: BuildRef, { node, run }: BuildScope): Promise<void> {
  let ignoreCanceling = run.interruption?.kind === 'canceling';
  for (;;) {
    const options = { ignoreCanceling };
    const end = await run.onNode(() => node.patient.uploadTrace(build, options));
    if (end === 'sealed') return;
    if (end === 'aborted') return run.interrupt({ kind: 'aborted' });
    run.interrupt({ kind: 'canceling' });
    ignoreCanceling = true;
  }
}

/** The stages under the job's clock, which starts before the environment is prepared. */
async function runUntilInterrupted(input: RunBuildInput, scope: BuildScope): Promise<BuildOutcome> {
  const { rejection, plan } = input.job;
  if (rejection !== undefined) {
    return {
      state: 'failed',
      reason: 'runner_system_failure',
      exitCode: undefined,
      message: rejection,
    };
  }
  const clock = startTimer(scope.run, { kind: 'job_timeout', timeoutMs: plan.jobTimeoutMs });
  try {
    return await runStages(input, scope);
  } catch (error) {
    return outcomeOfFailure(error, scope.run.interruption);
  } finally {
    clock.cancel();
  }
}

async function runStages({ job }: RunBuildInput, scope: BuildScope): Promise<BuildOutcome> {
  const { plan } = job;
  const stages = openStages(job, scope);
  const prepared = await stages.prepare();
  if (prepared !== undefined) return prepared;

  for (const stage of plan.preparation) {
    const outcome = await stages.run(stage, 'running');
    if (outcome.kind !== 'succeeded') {
      await stages.cleanUp(plan);
      return outcomeOfStages(outcome, scope.run.interruption);
    }
  }
  const outcome = await runSteps(plan, { stages, run: scope.run });
  await stages.cleanUp(plan);
  return outcome;
}

interface StepScope {
  readonly stages: Stages;
  readonly run: BuildRun;
}

async function runSteps(plan: BuildPlan, { stages, run }: StepScope): Promise<BuildOutcome> {
  const scriptTimer =
    plan.scriptTimeoutMs === undefined
      ? undefined
      : startTimer(run, { kind: 'script_timeout', timeoutMs: plan.scriptTimeoutMs });
  let outcome: StageOutcome = { kind: 'succeeded' };
  for (const stage of plan.steps) {
    if (outcome.kind === 'succeeded') outcome = await stages.run(stage, 'running');
  }
  scriptTimer?.cancel();
  // From here on a cancel comes too late: what the script did stands.
  const interruption = run.interruption;
  const result = outcomeOfStages(outcome, interruption);
  if (plan.afterScript === undefined || isOver(run)) return result;

  const after = await stages.runAfterScript(plan.afterScript, {
    jobStatus: afterScriptStatus(result, interruption),
    timeoutMs: plan.afterScriptTimeoutMs,
  });
  if (isOver(run)) return outcomeOfStages({ kind: 'stopped' }, run.interruption);
  const isIgnored = plan.afterScriptIgnoreErrors || result.state !== 'success';
  return isIgnored ? result : outcomeOfStages(after, undefined);
}

/** Nothing of the user's may run any more. */
function isOver(run: BuildRun): boolean {
  return run.interruption?.kind === 'aborted' || run.interruption?.kind === 'job_timeout';
}

type Stages = ReturnType<typeof openStages>;

function openStages(job: JobSummary, { node, run }: BuildScope) {
  const build = { buildId: job.buildId };
  const shown: { name: string; startedMs: number; endedMs?: number; end?: string }[] = [];

  const show = (): void => setCurrentDetails(formatStageTable(shown));

  const stop = (interruption: Interruption | undefined, reason: string): Promise<void> => {
    const how = interruption === undefined || !isOver(run) ? 'graceful' : 'kill';
    return run.onNode(() => node.quick.stopStage(build, { how, reason }));
  };

  /** Runs one try of a stage; ends it when the build is interrupted by something that ends stages. */
  const runOnce = async (
    request: StageRequest,
    ending: readonly Interruption['kind'][],
  ): Promise<StageOutcome> => {
    const running = run.onNode(() => node.stage.runStage(build, request)).catch(stageFaultOf);
    const interrupted = CancellationScope.cancellable(() => run.whenInterrupted(...ending));
    const first = await Promise.race([running, interrupted]);
    if (first !== undefined) return first;
    await stop(run.interruption, describeInterruption(run.interruption));
    const last = await Promise.race([running, sleep(STOP_LIMIT)]);
    // What it died of is our doing, whatever code it left. A script that was faster has succeeded.
    return last?.kind === 'succeeded' ? last : { kind: 'stopped' };
  };

  const stages = {
    /** Returns an outcome when the build ends here. */
    prepare: async (): Promise<BuildOutcome | undefined> => {
      run.show({ stage: 'prepare_executor' });
      const row = startRow('prepare_executor');
      const preparing = run
        .onNode(() => node.prepare.prepareEnvironment(build))
        .then(() => undefined)
        .catch((error: unknown) => outcomeOfFailure(error, run.interruption));
      const interrupted = run
        .whenInterrupted('canceling', 'job_timeout', 'aborted')
        .then(() => 'interrupted' as const);
      const first = await Promise.race([preparing, interrupted]);
      if (first === 'interrupted') await stop(run.interruption, 'interrupted');
      endRow(row, first === undefined ? 'succeeded' : 'failed');
      if (first !== 'interrupted') return first;
      await Promise.race([preparing, sleep(STOP_LIMIT)]);
      return outcomeOfStages({ kind: 'stopped' }, run.interruption);
    },

    /** Runs a stage, tries and all. A build that is over runs nothing more. */
    run: async (stage: PlannedStage, jobStatus: StageRequest['jobStatus']): Promise<StageOutcome> => {
      let outcome: StageOutcome = { kind: 'stopped' };
      const ending = endingOf(stage);
      for (let attempt = 1; attempt <= stage.attempts; attempt += 1) {
        if (run.interruption !== undefined && ending.includes(run.interruption.kind)) break;
        run.show({ stage: stage.name });
        const row = startRow(stage.name);
        outcome = await runOnce({ stage, attempt, jobStatus }, ending);
        endRow(row, outcome.kind);
        if (outcome.kind === 'succeeded' || outcome.kind === 'stopped') break;
        // gitlab-runner waits 5 s and doubles (FF_USE_EXPONENTIAL_BACKOFF_STAGE_RETRY).
        if (attempt < stage.attempts) await sleep(Math.min(5_000 * 2 ** (attempt - 1), 300_000));
      }
      return outcome;
    },

    runAfterScript: async (
      stage: PlannedStage,
      { jobStatus, timeoutMs }: { jobStatus: StageRequest['jobStatus']; timeoutMs: number },
    ): Promise<StageOutcome> => {
      const limit = new CancellationScope();
      void limit
        .run(async () => {
          await sleep(timeoutMs);
          await stop(undefined, `after_script took longer than ${timeoutMs / 1000} s`);
        })
        .catch(ignoreCancellation);
      try {
        return await stages.run(stage, jobStatus);
      } finally {
        limit.cancel();
      }
    },

    cleanUp: async (plan: BuildPlan): Promise<void> => {
      if (plan.cleanup === undefined || isOver(run)) return;
      const outcome = await stages.run(plan.cleanup, 'running');
      if (outcome.kind !== 'succeeded') log.warn('clean-up stage failed', { outcome });
    },
  };
  return stages;

  function startRow(name: string) {
    const row: (typeof shown)[number] = { name, startedMs: Date.now() };
    shown.push(row);
    show();
    return row;
  }

  function endRow(row: (typeof shown)[number], end: string): void {
    row.endedMs = Date.now();
    row.end = end;
    show();
  }
}

/** Which interruptions end a stage that runs. Source: spec/execution §6. */
function endingOf({ name }: PlannedStage): readonly Interruption['kind'][] {
  const always = ['aborted', 'job_timeout'] as const;
  if (name.startsWith('step_')) return [...always, 'canceling', 'script_timeout'];
  if (name === 'after_script' || name === 'cleanup_file_variables') return always;
  return [...always, 'canceling'];
}

function describeInterruption(interruption: Interruption | undefined): string {
  switch (interruption?.kind) {
    case 'canceling':
      return 'canceled externally';
    case 'aborted':
      return 'the coordinator has ended the job';
    case 'job_timeout':
    case 'script_timeout':
      return `took longer than ${interruption.timeoutMs / 1000} s`;
    case undefined:
      return 'interrupted';
  }
}

function startTimer(
  run: BuildRun,
  interruption: Extract<Interruption, { timeoutMs: number }>,
): CancellationScope {
  const timer = new CancellationScope();
  void timer
    .run(async () => {
      await sleep(interruption.timeoutMs);
      run.interrupt(interruption);
    })
    .catch(ignoreCancellation);
  return timer;
}

function ignoreCancellation(error: unknown): void {
  if (!isCancellation(error)) throw error;
}

async function tellRunner({ runnerWorkflowId, job }: RunBuildInput): Promise<void> {
  await getExternalWorkflowHandle(runnerWorkflowId)
    .signal(messages.buildEndedSignal, job.buildId)
    // The runner was removed from the config meanwhile: nobody counts any more.
    .catch((error: unknown) => log.info('runner not told of the end', { error }));
}
