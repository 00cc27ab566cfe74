import {
  ChildWorkflowCancellationType,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunnerSettings } from '../../domain/runner/fleet.ts';
import { isAlreadyStarted, reasonOf, throwBug } from '../node/activity-failure.ts';
import * as messages from '../messages.ts';
import { serveRunner } from '../serve-runner.ts';
import { initialServeRunnerState, type FedRunner } from '../states.ts';

/** The feeding that a runner must receive. */
export interface RunnerFeeding extends FedRunner {
  readonly runner: RunnerSettings;
  readonly installation: string;
}

/**
 * A signal may arrive just as the runner's workflow ends, or after its last build when it is
 * stopping.
 */
const FEED_TRIES = 3;

/** Starts the runner, or signals the running one. */
export async function feed(runnerFeeding: RunnerFeeding, askAnew: boolean): Promise<void> {
  const { workflowId, feeding } = runnerFeeding;
  for (let tries = 1; tries <= FEED_TRIES; tries += 1) {
    if (await startRunner(runnerFeeding)) return;
    if (await signalRunner(workflowId, { feeding, askAnew })) return;
  }
  log.error('runner not fed, a reload tries again', { workflowId });
}

/** Returns false when it is already running. */
async function startRunner({ runner, installation, feeding }: RunnerFeeding) {
  const { name, key } = runner;
  const feederId = workflowInfo().workflowId;
  try {
    await startChild(serveRunner, {
      ...messages.runnerStart(installation, runner),
      args: [initialServeRunnerState({ runner: { name, key }, feeding, feederId })],
      // Runners outlive a continue-as-new of feedRunners; `stop` ends them.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
    });
    return true;
  } catch (error) {
    if (isAlreadyStarted(error)) return false;
    throw error;
  }
}

async function signalRunner(workflowId: string, message: messages.FeedMessage): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(messages.feedSignal, message);
    return true;
  } catch (error) {
    throwBug(error);
    return false;
  }
}

export async function stopRunner(workflowId: string): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(messages.stopSignal);
  } catch (error) {
    throwBug(error);
    // The runner's workflow is already gone, as the signal would have asked.
    log.info('runner was not there to stop', { workflowId, reason: reasonOf(error) });
  }
}
