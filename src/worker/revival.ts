import proto from '@temporalio/proto';
import type { Ports } from '../activities/ports.ts';
import { isNotFound } from '../adapters/temporal/not-found.ts';
import type { RunnerConfig } from '../domain/runner/config.ts';
import {
  feedRunnersId,
  ORCHESTRATION_QUEUE,
  serveRunnerId,
  STEP_LIMIT,
} from '../workflows/messages.ts';
import { initialServeRunnerState, type serveRunner } from '../workflows/serve-runner.ts';
import type { FindScope } from './find-build.ts';

const { WorkflowExecutionStatus: Status } = proto.temporal.api.enums.v1;
/** A runner that nobody has told to ask yet. */
const UNFED = {
  ...{ isFed: false, intervalMs: 3_000, offsetMs: 0 },
  ...{ limit: 0, requestConcurrency: 1, mayWait: true },
} as const;

export interface Revival {
  /** Sees to it that this node's long-lived workflows run, unless they have ended in good order. */
  reviveAll(): Promise<void>;
}

/**
 * The node's feedRunners and serveRunners are begun by each other, so nobody misses one that a person
 * has terminated, cancelled or deleted, or that went with Temporal's database: the node does.
 * `feed` has feedRunners tell its runners again, and begins it when it is not there.
 */
export function createRevival(scope: FindScope, feed: () => Promise<void>): Revival {
  const { ports, installation } = scope;
  const { config, log } = ports;
  return {
    reviveAll: async () => {
      const { runners } = config.current();
      const feeder = await lookUp(scope, feedRunnersId(installation));
      // `stop`, or a node without runners.
      if (feeder === 'completed' || runners.length === 0) return;
      let isAnyLost = feeder === 'lost';
      for (const runner of runners) {
        if ((await lookUp(scope, serveRunnerId(installation, runner))) !== 'lost') continue;
        isAnyLost = true;
        await begin(runner, scope);
      }
      if (!isAnyLost) return;
      log.warn('a workflow that asks for jobs was ended from outside, begun again');
      await feed();
    },
  };
}

type Presence = 'running' | 'completed' | 'lost';

async function lookUp({ client }: FindScope, workflowId: string): Promise<Presence> {
  const { namespace } = client.options;
  try {
    // Not by its handle, which reads what another key may have sealed.
    const { workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId },
    });
    const status = workflowExecutionInfo?.status;
    if (status === Status.WORKFLOW_EXECUTION_STATUS_COMPLETED) return 'completed';
    return status === Status.WORKFLOW_EXECUTION_STATUS_RUNNING ? 'running' : 'lost';
  } catch (error) {
    if (isNotFound(error)) return 'lost';
    throw error;
  }
}

/** With the builds that the one before has counted; feedRunners tells it to ask. */
async function begin(
  runner: RunnerConfig,
  { client, installation, ports }: FindScope,
): Promise<void> {
  const { name, key } = runner;
  const feederId = feedRunnersId(installation);
  const initial = initialServeRunnerState({ runner: { name, key }, feeding: UNFED, feederId });
  await client.workflow.start<typeof serveRunner>('serveRunner', {
    workflowId: serveRunnerId(installation, runner),
    taskQueue: ORCHESTRATION_QUEUE,
    workflowTaskTimeout: STEP_LIMIT,
    args: [{ ...initial, buildIds: await buildIdsOf(runner, ports) }],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `runner ${name} of ${installation}`,
  });
}

async function buildIdsOf({ key }: RunnerConfig, { builds }: Ports): Promise<readonly string[]> {
  const contexts = await Promise.all((await builds.list()).map((id) => builds.read(id)));
  return contexts.flatMap((context) => (context?.runner.key === key ? [context.buildId] : []));
}
