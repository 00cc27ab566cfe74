import { CancellationScope, condition, log, setCurrentDetails } from '@temporalio/workflow';
import type { StageRequest, StopRequest } from '../activities/contract.ts';
import { outcomeOfStages } from '../domain/build/build-outcome.ts';
import type { BuildOutcome, Interruption, StageOutcome } from '../domain/build/outcome.ts';
import { formatStageTable, type StageRow } from '../domain/build/stage-table.ts';
import type { JobSummary, PlannedStage } from '../domain/build/stage.ts';
import { outcomeOfFailure, stageFaultOf, reasonOf, throwBug } from './activity-failure.ts';
import { STOP_LIMIT_MS, type BuildNode } from './build-node.ts';
import type { BuildRun } from './build-run.ts';
import { watch, type Watched } from './watched.ts';

type EndingKinds = readonly Interruption['kind'][];

/** The stages of one build, run one after another. */
export interface BuildStages {
  /** Returns an outcome when the build ends here. */
  prepare(): Promise<BuildOutcome | undefined>;
  /** Runs a stage, tries and all. A build that is over runs nothing more. */
  run(stage: PlannedStage, options: StageOptions): Promise<StageOutcome>;
}

export interface StageOptions {
  readonly jobStatus: StageRequest['jobStatus'];
  /** The stage is stopped when it takes longer. */
  readonly limitMs?: number;
}

/** What runs on the node and can be stopped. */
interface Stoppable<T> {
  call(): Promise<T>;
  /** The interruptions that end it. */
  readonly ending: EndingKinds;
  readonly limitMs?: number | undefined;
  readonly how: StopRequest['how'];
}

/** First wait before a stage is told again to stop; doubled each time. */
const FIRST_STOP_PAUSE_MS = 1_000;
const FIRST_RETRY_PAUSE_MS = 5_000;
const MAX_RETRY_PAUSE_MS = 300_000;

interface StagesScope {
  readonly node: BuildNode;
  readonly run: BuildRun;
}

export function openStages(job: JobSummary, { node, run }: StagesScope): BuildStages {
  const build = { buildId: job.buildId };
  const table = openTable();
  /** Something did not let itself be stopped: whatever came next would meet it. */
  let isStuck = false;

  /**
   * The answer of the call; undefined when it was stopped. It may have begun just when it was told
   * to stop, so it is told again until it has ended.
   */
  const runStoppable = async <T>(work: Stoppable<T>): Promise<Watched<T> | undefined> => {
    const scope = new CancellationScope();
    const running = watch(scope.run(() => run.onNode(work.call)));
    const isEnding = (): boolean => running.isSettled || run.isInterruptedBy(work.ending);
    if (work.limitMs === undefined) await condition(isEnding);
    else await condition(isEnding, work.limitMs);
    if (running.isSettled) return running;

    scope.cancel(); // it is not begun, nor tried again, from here on
    isStuck = !(await stopUntilEnded(running, work));
    return undefined;
  };

  const stopUntilEnded = async <T>(
    running: Watched<T>,
    { how, limitMs }: Stoppable<T>,
  ): Promise<boolean> => {
    const giveUpAtMs = Date.now() + STOP_LIMIT_MS;
    for (let pauseMs = FIRST_STOP_PAUSE_MS; ; pauseMs *= 2) {
      const reason = describeStop(run.interruption, limitMs);
      const hasStopped = await stop({ how: run.isOver ? 'kill' : how, reason });
      if (!running.isSettled) await condition(() => running.isSettled, pauseMs);
      if (hasStopped && running.isSettled) return true;
      if (Date.now() >= giveUpAtMs) return false;
    }
  };

  const stop = async (request: StopRequest): Promise<boolean> => {
    try {
      await run.onNode(() => node.stop.stopStage(build, request));
      return true;
    } catch (error) {
      throwBug(error);
      log.warn('stage not stopped', { reason: reasonOf(error) });
      return false;
    }
  };

  const runOnce = async (request: StageRequest, options: StageOptions): Promise<StageOutcome> => {
    const { stage } = request;
    const summary = request.attempt === 1 ? stage.name : `${stage.name}, try ${request.attempt}`;
    const ended = await runStoppable({
      call: () => node.stage.runStage.executeWithOptions({ summary }, [build, request]),
      ending: endingOf(stage),
      limitMs: options.limitMs,
      // Before the user's own scripts nobody is given time to tidy up. Source: spec/execution §6.
      how: stage.place === 'build' ? 'graceful' : 'kill',
    });
    // What it died of is our doing, whatever code it left.
    if (ended === undefined) return { kind: 'stopped' };
    try {
      return ended.take();
    } catch (error) {
      return stageFaultOf(error);
    }
  };

  return {
    prepare: async () => {
      run.show({ stage: 'prepare_executor' });
      const endRow = table.begin('prepare_executor');
      const outcome = await prepare();
      endRow(outcome === undefined ? 'succeeded' : outcome.state);
      return outcome;
    },

    run: async (stage, options) => {
      let outcome: StageOutcome = { kind: 'stopped' };
      const isEnding = (): boolean => isStuck || run.isInterruptedBy(endingOf(stage));
      for (let attempt = 1; attempt <= stage.attempts; attempt += 1) {
        if (isEnding()) return { kind: 'stopped' };
        run.show({ stage: stage.name });
        const endRow = table.begin(stage.name);
        outcome = await runOnce({ stage, attempt, jobStatus: options.jobStatus }, options);
        endRow(outcome.kind);
        if (outcome.kind === 'succeeded' || outcome.kind === 'stopped') return outcome;
        if (attempt < stage.attempts) await condition(isEnding, retryPauseMs(attempt));
      }
      return outcome;
    },
  };

  async function prepare(): Promise<BuildOutcome | undefined> {
    const ending = ['canceling', 'job_timeout', 'aborted'] as const;
    const ended = run.isInterruptedBy(ending)
      ? undefined
      : await runStoppable({
          call: () => node.prepare.prepareEnvironment(build),
          ending,
          how: 'kill',
        });
    if (ended === undefined) return outcomeOfStages({ kind: 'stopped' }, run.interruption);
    try {
      ended.take();
      return undefined;
    } catch (error) {
      return outcomeOfFailure(error, run.interruption);
    }
  }
}

/** The build's stages as the Temporal UI shows them. */
function openTable(): { begin(name: string): (end: string) => void } {
  const rows: StageRow[] = [];
  const show = (): void => setCurrentDetails(formatStageTable(rows));
  return {
    begin: (name) => {
      const index = rows.length;
      const begun = { name, startedMs: Date.now() };
      rows.push(begun);
      show();
      return (end) => {
        rows[index] = { ...begun, endedMs: Date.now(), end };
        show();
      };
    },
  };
}

/** Source: gitlab-runner FF_USE_EXPONENTIAL_BACKOFF_STAGE_RETRY. */
function retryPauseMs(attempt: number): number {
  return Math.min(FIRST_RETRY_PAUSE_MS * 2 ** (attempt - 1), MAX_RETRY_PAUSE_MS);
}

/** Which interruptions end a stage that runs. Source: spec/execution §6. */
function endingOf({ name }: PlannedStage): EndingKinds {
  const always = ['aborted', 'job_timeout'] as const;
  if (name.startsWith('step_')) return [...always, 'canceling', 'script_timeout'];
  if (name === 'after_script' || name === 'cleanup_file_variables') return always;
  return [...always, 'canceling'];
}

function describeStop(interruption: Interruption | undefined, limitMs: number | undefined): string {
  switch (interruption?.kind) {
    case 'aborted':
      return 'the coordinator has ended the job';
    case 'job_timeout':
      return `the job took longer than ${interruption.timeoutMs / 1000} s`;
    case 'script_timeout':
    case 'canceling':
    case undefined:
      return limitMs === undefined
        ? describeScriptStop(interruption)
        : `took longer than ${limitMs / 1000} s`;
  }
}

function describeScriptStop(
  interruption: Extract<Interruption, { kind: 'canceling' | 'script_timeout' }> | undefined,
): string {
  return interruption?.kind === 'script_timeout'
    ? `the script took longer than ${interruption.timeoutMs / 1000} s`
    : 'canceled externally';
}
