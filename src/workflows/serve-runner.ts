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
import { clearValue } from '../domain/clear-text.ts';
import { adaptRequestLimit, isFeeding, isSamePace } from '../domain/runner/fleet.ts';
import {
  isNodeSilent,
  isNotPickedUp,
  isProcessStopped,
  reasonOf,
  throwBug,
} from './node/activity-failure.ts';
import { describeRunner, lastAnswerOf } from './runner/runner-answers.ts';
import { ignoreUnknownSignals, takesNoInput } from './node/odd-messages.ts';
import { openBuildCount, type BuildCount } from './runner/build-count.ts';
import * as messages from './messages.ts';
import { openJobRequests, type JobRequests } from './runner/job-requests.ts';
import type { ServeRunnerState } from './states.ts';

/**
 * Duration of one run of requests. It is long enough to keep the history of an idle runner short
 * (six events a minute), and short enough that a node that fills up soon lets another one ask.
 */
const REQUEST_RUN_MS = 55_000;
/** Pause after a fault that is not GitLab's: the slots queue or the node has failed. */
const FAULT_PAUSE_MS = 5_000;
/**
 * Pause after the request went to a node whose config.toml does not contain the runner. The next
 * requests may go to that node too, for a long time.
 */
const UNKNOWN_RUNNER_PAUSE_MS = 30_000;

/**
 * Asks for jobs for one `[[runners]]` entry while its feeding says so, and starts a build for each.
 */
export async function serveRunner(initial: ServeRunnerState): Promise<void> {
  const runner = openRunner(initial);
  handleMessages(runner);

  for (;;) {
    await condition(() => runner.hasEnded() || runner.mayAsk() || runner.shouldContinueAsNew());
    if (runner.hasEnded()) return;
    if (runner.shouldContinueAsNew()) await continueAsNew<typeof serveRunner>(runner.state());
    // Checked again, because a message that arrived at the same moment may have changed it.
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
    // Invariant: nothing is in progress at a continue-as-new, so only the state must be carried
    // over.
    shouldContinueAsNew: () => workflowInfo().continueAsNewSuggested && isIdle(),
  };
}

function handleMessages(runner: Runner): void {
  const { builds, jobRequests, state, update } = runner;
  // Anybody with access to the namespace may send any value, and an exception here would block the
  // workflow.
  setHandler(messages.feedSignal, (message) => {
    if (!isFeedMessage(message)) return log.warn('feed signal with unknown content ignored');
    const { feeding, askAnew } = message;
    const before = state();
    const isWoken = feeding.isFed && !before.feeding.isFed;
    const askAtOnce = before.askAtOnce || askAnew || isWoken;
    update({ feeding, askAtOnce, isStopping: false });
    if (askAnew) jobRequests.abandonAll();
    else if (!feeding.isFed || !isSamePace(feeding, before.feeding)) jobRequests.endAll();
  });
  const stop = takesNoInput('stop', () => {
    update({ isStopping: true });
    jobRequests.endAll();
  });
  setHandler(messages.stopSignal, stop);
  const ofBuild = (signal: string, work: (buildId: string) => void) => (buildId: unknown) => {
    if (typeof buildId === 'string' && buildId.startsWith('build/')) work(buildId);
    else log.warn(`${signal} signal with unknown content ignored`);
  };
  setHandler(messages.buildBegunSignal, ofBuild('buildBegun', builds.announce));
  setHandler(messages.buildEndedSignal, ofBuild('buildEnded', builds.remove));
  setHandler(messages.runnerStateQuery, () => {
    const { feeding, buildIds, isHealthy, isStopping } = state();
    return { feeding, buildIds, isHealthy, isStopping, questionsUnderWay: jobRequests.count };
  });
  setHandler(
    messages.runnerStatusQuery,
    () =>
      clearValue(describeRunner(state(), { requests: jobRequests.count, builds: builds.count })),
    { description: 'Whether this runner asks for jobs, what it waits for, GitLab’s last answer.' },
  );
  ignoreUnknownSignals();
}

function isFeedMessage(message: unknown): message is messages.FeedMessage {
  const { feeding } = (message ?? {}) as Partial<messages.FeedMessage>;
  return isFeeding(feeding);
}

async function runJobRequest(runner: Runner): Promise<void> {
  const { jobRequests } = runner;
  const scope = new CancellationScope();
  jobRequests.begin(scope);
  try {
    const outcome = await scope.run(() => jobRequests.ask(nextJobRequest(runner)));
    await settle(runner, outcome);
  } catch (error) {
    throwBug(error);
    if (isCancellation(error)) return;
    // The next process asks again when the process of this request is stopped or gone.
    const isGone = isProcessStopped(error) || isNodeSilent(error) || isNotPickedUp(error);
    const level = isGone || jobRequests.isAbandoned(scope) ? 'debug' : 'warn';
    log[level]('job request not answered', { reason: reasonOf(error) });
    // Temporal or the node was away. That has already taken time, so the next request does not
    // wait.
    if (isNodeSilent(error) && patched('asks at once after a silence')) {
      runner.update({ askAtOnce: true });
    } else await sleep(FAULT_PAUSE_MS);
  } finally {
    jobRequests.end(scope);
  }
}

function nextJobRequest({ state, update }: Runner): JobRequest {
  const { runner, feeding, askAtOnce } = state();
  const { intervalMs, offsetMs, mayWait } = feeding;
  update({ askAtOnce: false });
  return {
    runnerKey: runner.key,
    ...{ intervalMs, offsetMs, mayWait, askAtOnce },
    durationMs: REQUEST_RUN_MS,
  };
}

async function settle(runner: Runner, outcome: JobRequestOutcome): Promise<void> {
  const { state, update } = runner;
  const { feeding, lastAnswer, questionLimit } = state();
  const { requestConcurrency } = feeding;
  const hasJob = outcome.kind === 'job';
  update({
    lastAnswer: lastAnswerOf(outcome, Date.now(), lastAnswer),
    questionLimit: adaptRequestLimit(questionLimit, { hasJob, requestConcurrency }),
    ...(hasJob && { askAtOnce: true }),
  });
  if (outcome.kind === 'unknown_runner') return sleep(UNKNOWN_RUNNER_PAUSE_MS);
  if (hasJob) runner.builds.begin(outcome);
  const isHealthy = outcome.kind !== 'forbidden';
  if (isHealthy && state().isHealthy) return;
  update({ isHealthy });
  await reportHealth(state());
  // feedRunners counts the refusals, and must not get them faster than once per interval.
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
