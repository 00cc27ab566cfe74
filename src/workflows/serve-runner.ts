import {
  ActivityCancellationType,
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { SlotActivities, TurnOutcome } from '../activities/contract.ts';
import type { JobSummary } from '../domain/build/stage.ts';
import type { Feeding } from '../domain/runner/fleet.ts';
import * as messages from './messages.ts';
import { runBuild } from './run-build.ts';

/** All that survives continue-as-new. */
export interface ServeRunnerState {
  readonly runner: messages.RunnerIdentity;
  readonly feeding: Feeding;
  /** Builds of this runner that have not said that they ended. They count under `limit`. */
  readonly buildIds: readonly string[];
  readonly feederId: string;
}

/**
 * One turn of questions. Long enough to keep an idle runner's history short (six events a minute),
 * short enough for a node that fills up to lose its turn to another.
 */
const TURN_MS = 55_000;
/** After a fault of our own, not GitLab's: the slots queue or the node misbehaves. */
const FAULT_PAUSE_MS = 5_000;

const { requestJob } = proxyActivities<SlotActivities>({
  taskQueue: messages.SLOTS_QUEUE,
  // A turn, the question under way at its end (GitLab holds it for 50 s), and slow answers.
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '30 seconds', // the longest a dead node's turn goes unnoticed
  retry: { maximumAttempts: 1 }, // the loop asks again by itself
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});

/** Asks for jobs for one `[[runners]]` entry while it is fed, and starts a build for each. */
export async function serveRunner(initial: ServeRunnerState): Promise<void> {
  const runner = openRunner(initial);
  handleMessages(runner);

  for (;;) {
    await condition(() => runner.isStopping || runner.mayAsk() || runner.shouldContinueAsNew());
    if (runner.isStopping) return runner.giveUpQuestions();
    if (runner.shouldContinueAsNew()) {
      await continueAsNew<typeof serveRunner>(runner.state());
    }
    void runner.takeTurn();
  }
}

interface Runner {
  isStopping: boolean;
  state(): ServeRunnerState;
  questionsUnderWay(): number;
  feed(message: messages.FeedMessage): void;
  buildEnded(buildId: string): void;
  mayAsk(): boolean;
  shouldContinueAsNew(): boolean;
  takeTurn(): Promise<void>;
  giveUpQuestions(): void;
}

function openRunner(initial: ServeRunnerState): Runner {
  let feeding = initial.feeding;
  let askAtOnce = true;
  let isHealthy = true;
  const buildIds = new Set(initial.buildIds);
  const turns = new Set<CancellationScope>();

  const hasRoom = (): boolean =>
    feeding.limit === 0 || buildIds.size + turns.size < feeding.limit;

  const ask = (): Promise<TurnOutcome> => {
    const { intervalMs, offsetMs, mayWait } = feeding;
    const runnerKey = initial.runner.key;
    const turn = { runnerKey, intervalMs, offsetMs, mayWait, askAtOnce, durationMs: TURN_MS };
    askAtOnce = false;
    return requestJob(turn);
  };

  const settle = async (outcome: TurnOutcome): Promise<void> => {
    if (outcome.kind === 'job') {
      askAtOnce = true;
      buildIds.add(outcome.job.buildId);
      await startBuild(outcome.job, outcome.nodeQueue);
    }
    if (outcome.kind === 'unknown_runner') await sleep(FAULT_PAUSE_MS);
    const wasHealthy = isHealthy;
    isHealthy = outcome.kind !== 'forbidden';
    if (isHealthy && wasHealthy) return;
    await reportHealth(initial, isHealthy);
    // The feeder counts; between two refusals lies at least the pace.
    if (!isHealthy) await sleep(feeding.intervalMs);
  };

  const runner: Runner = {
    isStopping: false,
    state: () => ({ ...initial, feeding, buildIds: [...buildIds] }),
    questionsUnderWay: () => turns.size,
    feed: (message) => {
      if (message.feeding.isFed && !feeding.isFed) askAtOnce = true;
      feeding = message.feeding;
      if (message.askAnew || !feeding.isFed) runner.giveUpQuestions();
      if (message.askAnew) askAtOnce = true;
    },
    buildEnded: (buildId) => void buildIds.delete(buildId),
    mayAsk: () =>
      feeding.isFed &&
      !workflowInfo().continueAsNewSuggested &&
      turns.size < feeding.requestConcurrency &&
      hasRoom(),
    shouldContinueAsNew: () => workflowInfo().continueAsNewSuggested && turns.size === 0,
    takeTurn: async () => {
      const turn = new CancellationScope();
      turns.add(turn);
      try {
        await settle(await turn.run(ask));
      } catch (error) {
        if (isCancellation(error)) return;
        log.warn('question not answered', { error });
        await sleep(FAULT_PAUSE_MS);
      } finally {
        turns.delete(turn);
      }
    },
    giveUpQuestions: () => {
      for (const turn of turns) turn.cancel();
      turns.clear();
    },
  };
  return runner;
}

function handleMessages(runner: Runner): void {
  setHandler(messages.feedSignal, runner.feed);
  setHandler(messages.buildEndedSignal, runner.buildEnded);
  setHandler(messages.stopSignal, () => {
    runner.isStopping = true;
  });
  setHandler(messages.runnerStateQuery, () => {
    const { feeding, buildIds } = runner.state();
    return { feeding, buildIds, questionsUnderWay: runner.questionsUnderWay() };
  });
}

async function startBuild(job: JobSummary, nodeQueue: string): Promise<void> {
  try {
    await startChild(runBuild, {
      workflowId: job.buildId,
      args: [{ job, nodeQueue, runnerWorkflowId: workflowInfo().workflowId }],
      // Invariant: one build for one job, for ever. The id is the lock.
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: `${job.projectPath} · ${job.jobName} · ${job.ref}`,
      staticDetails: job.jobUrl,
    });
  } catch (error) {
    // The node that holds the record has started it first.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

async function reportHealth(state: ServeRunnerState, isHealthy: boolean): Promise<void> {
  await getExternalWorkflowHandle(state.feederId)
    .signal(messages.reportHealthSignal, { runnerKey: state.runner.key, isHealthy })
    .catch((error: unknown) => log.warn('health not reported', { error }));
}
