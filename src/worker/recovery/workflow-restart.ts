import type { Ports } from '../../ports/index.ts';
import type { Workflows, WorkflowStatus } from '../../ports/workflows.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import {
  buildEndedSignal,
  feedRunnersId,
  ORCHESTRATION_QUEUE,
  runnerStart,
  serveRunnerId,
} from '../../workflows/messages.ts';
import { initialServeRunnerState } from '../../workflows/states.ts';
import { runnerWorkflowIdOf, type FindScope } from './find-build.ts';

/** The feeding of a runner that was not told to ask yet. */
const UNFED = {
  isFed: false,
  intervalMs: 3_000,
  offsetMs: 0,
  limit: 0,
  requestConcurrency: 1,
  mayWait: true,
} as const;

export interface WorkflowRestart {
  /** Makes sure that this node's long-lived workflows run, unless they ended properly. */
  restartAll(): Promise<void>;
  /** Makes feedRunners tell its runners again, and starts it if needed, also after `stop`. */
  feed(): Promise<void>;
}

export interface WorkflowRestartOptions {
  /** Makes feedRunners tell its runners again, and starts it if needed. */
  readonly feed: () => Promise<void>;
  /** Called when Temporal knows nothing of feedRunners: its database may be a new one. */
  readonly onGone: () => void;
}

/**
 * Restarts lost workflows. feedRunners and serveRunner start each other, so neither notices when a
 * person terminates, cancels or deletes one, or when it is lost with Temporal's database. Therefore
 * the node checks both.
 *
 * One that has failed is restarted too, at every check if need be, because its runner must not stop
 * asking for jobs. Only a person can mend what it fails at, so each time the log says why.
 */
export function createWorkflowRestart(
  scope: FindScope,
  { feed, onGone }: WorkflowRestartOptions,
): WorkflowRestart {
  const { workflows, ports, installation } = scope;
  const { config, log } = ports;
  // Temporal deletes a workflow that has ended after the retention time, so `stop` is remembered.
  let hasStopped = false;
  const notice = (feeder: WorkflowStatus | undefined): void => {
    if (feeder !== undefined) hasStopped = feeder === 'completed';
    // Also when the last look has begun it: it may be gone once more.
    else if (!hasStopped) onGone();
  };
  // True: a workflow may have been begun whose runner was not told to ask yet.
  let owesFeed = false;
  /** The builds that each workflow was begun with, until it knows which of them have ended since. */
  const begunWith = new Map<string, readonly string[]>();
  return {
    restartAll: async () => {
      const { runners } = config.current();
      const feeder = await look(feedRunnersId(installation), workflows);
      notice(feeder.status);
      // Nothing has to run after `stop`, or on a node without runners.
      if (hasStopped || runners.length === 0) return;
      const lost = isLost(feeder) ? [feeder] : [];
      const gone: RunnerConfig[] = [];
      for (const runner of runners) {
        const found = await look(serveRunnerId(installation, runner), workflows);
        if (!isLost(found)) continue;
        lost.push(found);
        gone.push(runner);
      }
      logLost(lost, log);
      owesFeed ||= lost.length > 0;
      for (const runner of gone) await begin(runner, begunWith, scope);
      await tellEnded(begunWith, scope);
      if (!owesFeed) return;
      await feed();
      owesFeed = false;
    },
    feed: async () => {
      await feed();
      hasStopped = false;
    },
  };
}

interface FoundWorkflow {
  readonly workflowId: string;
  readonly status: WorkflowStatus | undefined;
  /** Why it has failed; undefined when it has not. */
  readonly reason: string | undefined;
}

async function look(workflowId: string, workflows: Workflows): Promise<FoundWorkflow> {
  const status = await workflows.statusOf(workflowId);
  if (status !== 'failed') return { workflowId, status, reason: undefined };
  // A reason that cannot be read must not keep the workflow from its restart.
  const reason = await workflows.failureOf(workflowId).catch(() => undefined);
  return { workflowId, status, reason: reason ?? 'not known' };
}

/**
 * Whether the workflow does not exist, or has ended in another way than by its own decision. It
 * decides neither its failure nor its end after a cancel request.
 */
function isLost({ status }: FoundWorkflow): boolean {
  return status !== 'running' && status !== 'completed';
}

function logLost(lost: readonly FoundWorkflow[], log: Ports['log']): void {
  if (lost.length === 0) return;
  for (const { workflowId, reason } of lost) {
    if (reason === undefined) continue;
    log.error('a workflow that asks for jobs has failed, begun again', {
      workflow: workflowId,
      reason,
    });
  }
  if (lost.every(({ reason }) => reason !== undefined)) return;
  log.warn('a workflow that asks for jobs was ended from outside, begun again');
}

/**
 * Starts the runner's workflow with the builds that its predecessor counted. feedRunners tells it
 * when to ask.
 */
async function begin(
  runner: RunnerConfig,
  begunWith: Map<string, readonly string[]>,
  scope: FindScope,
): Promise<void> {
  const { workflows, installation } = scope;
  const { name, key } = runner;
  const feederId = feedRunnersId(installation);
  const start = runnerStart(installation, runner);
  const initial = initialServeRunnerState({ runner: { name, key }, feeding: UNFED, feederId });
  const buildIds = await buildIdsOf(start.workflowId, scope);
  begunWith.set(start.workflowId, buildIds);
  await workflows.start({
    type: 'serveRunner',
    taskQueue: ORCHESTRATION_QUEUE,
    args: [{ ...initial, buildIds }],
    reuse: 'use_existing',
    ...start,
  });
}

/**
 * Tells workflows which of the builds that they were begun with have ended meanwhile: the signal of
 * such a build has met no workflow, and it would count for ever.
 */
async function tellEnded(
  begunWith: Map<string, readonly string[]>,
  { workflows, ports: { builds } }: FindScope,
): Promise<void> {
  if (begunWith.size === 0) return;
  const recorded = new Set(await builds.list());
  for (const [workflowId, buildIds] of begunWith) {
    for (const buildId of buildIds.filter((id) => !recorded.has(id))) {
      await workflows.signal(workflowId, { name: buildEndedSignal.name, args: [buildId] });
    }
    begunWith.delete(workflowId);
  }
}

async function buildIdsOf(
  runnerWorkflowId: string,
  { installation, ports: { builds } }: FindScope,
): Promise<readonly string[]> {
  const contexts = await Promise.all((await builds.list()).map((id) => builds.read(id)));
  return contexts.flatMap((context) => {
    if (context === undefined) return [];
    const isCounted = runnerWorkflowIdOf(context, installation) === runnerWorkflowId;
    return isCounted ? [context.buildId] : [];
  });
}
