import {
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  patched,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { JobRequest, JobRequestOutcome } from '../activities/contract.ts';
import { adaptRequestLimit, isFeeding, isSamePace, type Feeding } from '../domain/runner/fleet.ts';
import { isNodeSilent, reasonOf, throwBug } from './node/activity-failure.ts';
import { openBuildCount, type BuildCount } from './runner/build-count.ts';
import * as messages from './messages.ts';
import { openJobRequests, type JobRequests } from './runner/job-requests.ts';

/** All that survives continue-as-new. */
export interface ServeRunnerState {
  readonly runner: messages.RunnerIdentity;
  readonly feeding: Feeding;
  /** Builds of this runner that have not said that they ended. They count under `limit`. */
  readonly buildIds: readonly string[];
  /** The feedRunners that hears of the runner's health. */
  readonly feederId: string;
  /** The next request need not wait for its tick. */
  readonly askAtOnce: boolean;
  /** See `adaptQuestionLimit`. */
  readonly questionLimit: number;
  readonly isHealthy: boolean;
  readonly isStopping: boolean;
}

/** State of a runner that has not asked for a job yet. */
export function initialServeRunnerState(
  known: Pick<ServeRunnerState, 'runner' | 'feeding' | 'feederId'>,
): ServeRunnerState {
  return {
    ...known,
    buildIds: [],
    askAtOnce: true,
    questionLimit: 1,
    isHealthy: true,
    isStopping: false,
  };
}

/**
 * One run of requests. Long enough to keep an idle runner's history short (six events a minute),
 * short enough for a node that fills up to lose its turn to another.
 */
const TURN_MS = 55_000;
/** After a fault of our own, not GitLab's: the slots queue or the node misbehaves. */
const FAULT_PAUSE_MS = 5_000;
/** The node that took the turn has another config.toml, maybe for long. */
const UNKNOWN_RUNNER_PAUSE_MS = 30_000;

/** Asks for jobs for one `[[runners]]` entry while it is fed, and starts a build for each. */
export async function serveRunner(initial: ServeRunnerState): Promise<void> {
  const runner = openRunner(initial);
  handleMessages(runner);

  for (;;) {
    await condition(() => runner.hasEnded() || runner.mayAsk() || runner.shouldContinueAsNew());
    if (runner.hasEnded()) return;
    if (runner.shouldContinueAsNew()) await continueAsNew<typeof serveRunner>(runner.state());
    // Asked again: a message in the same moment may have changed it.
    if (runner.mayAsk()) void runJobRequest(runner);
  }
}

interface Runner {
  readonly builds: BuildCount;
  readonly jobRequests: JobRequests;
  state(): ServeRunnerState;
  update(change: Partial<ServeRunnerState>): void;
  mayAsk(): boolean;
  hasEnded(): boolean;
  shouldContinueAsNew(): boolean;
}

function openRunner(initial: ServeRunnerState): Runner {
  let state = initial;
  const builds = openBuildCount(initial.buildIds);
  const jobRequests = openJobRequests();
  const isIdle = (): boolean => jobRequests.isIdle && builds.isIdle;
  return {
    builds,
    jobRequests,
    state: () => ({ ...state, buildIds: builds.ids() }),
    update: (change) => {
      state = { ...state, ...change };
    },
    mayAsk: () =>
      state.feeding.isFed &&
      !state.isStopping &&
      !workflowInfo().continueAsNewSuggested &&
      jobRequests.count <
        Math.ceil(Math.min(state.questionLimit, state.feeding.requestConcurrency)) &&
      (state.feeding.limit === 0 || builds.count + jobRequests.count < state.feeding.limit),
    hasEnded: () => state.isStopping && isIdle() && builds.count === 0,
    // Invariant: nothing is under way then, so nothing but the state has to be carried over.
    shouldContinueAsNew: () => workflowInfo().continueAsNewSuggested && isIdle(),
  };
}

function handleMessages(runner: Runner): void {
  const { builds, jobRequests, state, update } = runner;
  // Whoever may write to the namespace may send anything, and a throw here would park the workflow.
  setHandler(messages.feedSignal, (message) => {
    if (!isFeedMessage(message)) return log.warn('feed says nothing that is known, ignored');
    const { feeding, askAnew } = message;
    const before = state();
    const isWoken = feeding.isFed && !before.feeding.isFed;
    const askAtOnce = before.askAtOnce || askAnew || isWoken;
    update({ feeding, askAtOnce, isStopping: false });
    if (askAnew) jobRequests.abandonAll();
    else if (!feeding.isFed || !isSamePace(feeding, before.feeding)) jobRequests.endAll();
  });
  setHandler(messages.stopSignal, () => {
    update({ isStopping: true });
    jobRequests.endAll();
  });
  setHandler(messages.buildBegunSignal, (buildId) => {
    if (typeof buildId === 'string') builds.announce(buildId);
  });
  setHandler(messages.buildEndedSignal, (buildId) => {
    if (typeof buildId === 'string') builds.remove(buildId);
  });
  setHandler(messages.runnerStateQuery, () => {
    const { feeding, buildIds, isHealthy, isStopping } = state();
    return { feeding, buildIds, isHealthy, isStopping, questionsUnderWay: jobRequests.count };
  });
}

function isFeedMessage(message: unknown): message is messages.FeedMessage {
  const { feeding } = (message ?? {}) as Partial<messages.FeedMessage>;
  return isFeeding(feeding);
}

async function runJobRequest(runner: Runner): Promise<void> {
  const { jobRequests } = runner;
  const turn = new CancellationScope();
  jobRequests.begin(turn);
  try {
    const outcome = await turn.run(() => jobRequests.ask(nextJobRequest(runner)));
    await settle(runner, outcome);
  } catch (error) {
    throwBug(error);
    if (isCancellation(error)) return;
    const reason = reasonOf(error);
    // That is how a request ends when its process is stopped; the next process asks it again.
    const isStop = reason.includes('Worker is shutting down');
    log[isStop ? 'debug' : 'warn']('question not answered', { reason });
    // Temporal was away, or the node is: that took its time, and the next one is not to wait too.
    if (isNodeSilent(error) && patched('asks at once after a silence')) {
      runner.update({ askAtOnce: true });
    } else await sleep(FAULT_PAUSE_MS);
  } finally {
    jobRequests.end(turn);
  }
}

function nextJobRequest({ state, update }: Runner): JobRequest {
  const { runner, feeding, askAtOnce } = state();
  const { intervalMs, offsetMs, mayWait } = feeding;
  update({ askAtOnce: false });
  return {
    runnerKey: runner.key,
    ...{ intervalMs, offsetMs, mayWait, askAtOnce },
    durationMs: TURN_MS,
  };
}

async function settle(runner: Runner, outcome: JobRequestOutcome): Promise<void> {
  const { state, update } = runner;
  const { questionLimit, feeding } = state();
  const { requestConcurrency } = feeding;
  const hasJob = outcome.kind === 'job';
  update({ questionLimit: adaptRequestLimit(questionLimit, { hasJob, requestConcurrency }) });
  if (outcome.kind === 'unknown_runner') return sleep(UNKNOWN_RUNNER_PAUSE_MS);
  if (outcome.kind === 'job') {
    update({ askAtOnce: true });
    runner.builds.begin(outcome);
  }
  const isHealthy = outcome.kind !== 'forbidden';
  if (isHealthy && state().isHealthy) return;
  update({ isHealthy });
  await reportHealth(state());
  // The feeder counts; between two refusals lies at least the pace.
  if (!isHealthy) await sleep(feeding.intervalMs);
}

async function reportHealth({ feederId, runner, isHealthy }: ServeRunnerState): Promise<void> {
  try {
    await getExternalWorkflowHandle(feederId).signal(messages.reportHealthSignal, {
      runnerKey: runner.key,
      isHealthy,
    });
  } catch (error) {
    throwBug(error);
    log.warn('health not reported', { reason: reasonOf(error) });
  }
}
