import type { Ports } from '../../ports/index.ts';
import type { WorkflowStatus } from '../../ports/workflows.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import {
  feedRunnersId,
  ORCHESTRATION_QUEUE,
  runnerStart,
  serveRunnerId,
} from '../../workflows/messages.ts';
import { initialServeRunnerState } from '../../workflows/states.ts';
import type { FindScope } from './find-build.ts';

/** The feeding of a runner that was not told to ask yet. */
const UNFED = {
  ...{ isFed: false, intervalMs: 3_000, offsetMs: 0 },
  ...{ limit: 0, requestConcurrency: 1, mayWait: true },
} as const;

export interface WorkflowRestart {
  /** Makes sure that this node's long-lived workflows run, unless they ended properly. */
  restartAll(): Promise<void>;
}

/**
 * Restarts lost workflows. feedRunners and serveRunner start each other, so neither notices when a
 * person terminates, cancels or deletes one, or when it is lost with Temporal's database. Therefore
 * the node checks both. `feed` makes feedRunners tell its runners again, and starts it if needed.
 */
export function createWorkflowRestart(
  scope: FindScope,
  feed: () => Promise<void>,
): WorkflowRestart {
  const { workflows, ports, installation } = scope;
  const { config, log } = ports;
  return {
    restartAll: async () => {
      const { runners } = config.current();
      const feeder = await workflows.statusOf(feedRunnersId(installation));
      // Nothing has to run after `stop`, or on a node without runners.
      if (feeder === 'completed' || runners.length === 0) return;
      let isAnyLost = isLost(feeder);
      for (const runner of runners) {
        if (!isLost(await workflows.statusOf(serveRunnerId(installation, runner)))) continue;
        isAnyLost = true;
        await begin(runner, scope);
      }
      if (!isAnyLost) return;
      log.warn('a workflow that asks for jobs was ended from outside, begun again');
      await feed();
    },
  };
}

/**
 * Whether the workflow does not exist, or was not ended by its own code. The end after a cancel
 * request does not count as its own.
 */
function isLost(status: WorkflowStatus | undefined): boolean {
  return status !== 'running' && status !== 'completed';
}

/**
 * Starts the runner's workflow with the builds that its predecessor counted. feedRunners tells it
 * when to ask.
 */
async function begin(
  runner: RunnerConfig,
  { workflows, installation, ports }: FindScope,
): Promise<void> {
  const { name, key } = runner;
  const feederId = feedRunnersId(installation);
  const initial = initialServeRunnerState({ runner: { name, key }, feeding: UNFED, feederId });
  await workflows.start({
    type: 'serveRunner',
    taskQueue: ORCHESTRATION_QUEUE,
    args: [{ ...initial, buildIds: await buildIdsOf(runner, ports) }],
    reuse: 'use_existing',
    ...runnerStart(installation, runner),
  });
}

async function buildIdsOf(
  { key }: RunnerConfig,
  { builds }: Pick<Ports, 'builds'>,
): Promise<readonly string[]> {
  const contexts = await Promise.all((await builds.list()).map((id) => builds.read(id)));
  return contexts.flatMap((context) => (context?.runner.key === key ? [context.buildId] : []));
}
