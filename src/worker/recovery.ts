import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import { WorkflowIdReusePolicy } from '@temporalio/common';
import type { Ports } from '../activities/ports.ts';
import { planStages } from '../domain/build/plan.ts';
import { summarizeJob } from '../domain/build/summary.ts';
import { BUILD_LABEL } from '../domain/executor/labels.ts';
import { buildVariables } from '../domain/job/variables.ts';
import {
  buildMemo,
  nodeRestartedSignal,
  ORCHESTRATION_QUEUE,
  serveRunnerId,
} from '../workflows/messages.ts';
import type { runBuild } from '../workflows/run-build.ts';

/** A job that is recorded but not begun for this long is begun by the node itself. */
const PATIENCE_MS = 10_000;

export interface Recovery {
  /** At start: every build on this node goes on, or is swept when it had ended. */
  recoverAll(): Promise<void>;
  /** Now and then: begins what was recorded and whose runner was never told. */
  beginForgotten(): Promise<void>;
}

/**
 * Keeps the node's records and Temporal's workflows in step. Between GitLab's answer and the start
 * of the workflow a job exists only in the record; here it is found again.
 */
export function createRecovery(client: Client, installation: string, ports: Ports): Recovery {
  const begun = new Set<string>();

  const begin = async (buildId: string): Promise<'started' | 'known'> => {
    const context = await ports.builds.read(buildId);
    if (context === undefined) return 'known';
    const plan = planStages(context, buildVariables(context, { jobStatus: 'running' }));
    const job = summarizeJob(context, plan);
    const { nodeQueue } = ports;
    const runnerWorkflowId = serveRunnerId(installation, context.runner);
    try {
      await client.workflow.start<typeof runBuild>('runBuild', {
        workflowId: buildId,
        taskQueue: ORCHESTRATION_QUEUE,
        args: [{ job, nodeQueue, runnerWorkflowId, isCounted: false }],
        memo: buildMemo(nodeQueue),
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      });
      return 'started';
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return 'known';
      throw error;
    }
  };

  const recover = async (buildId: string): Promise<void> => {
    const fields = { build: buildId };
    if ((await begin(buildId)) === 'started') {
      ports.log.warn('job was recorded but not begun, begun now', fields);
    } else if (await isOpen(buildId)) {
      await client.workflow.getHandle(buildId).signal(nodeRestartedSignal);
      ports.log.info('build goes on', fields);
    } else {
      ports.log.warn('build had ended without its clean-up, swept', fields);
      await sweep(buildId);
    }
    begun.add(buildId);
  };

  const isOpen = async (buildId: string): Promise<boolean> => {
    try {
      const { status } = await client.workflow.getHandle(buildId).describe();
      return status.name === 'RUNNING';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  };

  const sweep = async (buildId: string): Promise<void> => {
    const context = await ports.builds.read(buildId);
    if (context === undefined) return;
    const engine = ports.engine(context.runner);
    const left = await engine.listByLabels({ [BUILD_LABEL]: buildId });
    await Promise.all(left.containers.map((id) => engine.removeContainer(id)));
    await Promise.all(left.volumes.map((name) => engine.removeVolume(name)));
    await Promise.all(left.networks.map((name) => engine.removeNetwork(name)));
    await ports.builds.remove(buildId);
    ports.capacity.free(buildId);
  };

  return {
    recoverAll: async () => {
      const ids = await ports.builds.list();
      await Promise.all(
        ids.map((id) =>
          recover(id).catch((error: unknown) =>
            ports.log.error('build not recovered, tried again later', { build: id, error }),
          ),
        ),
      );
    },
    beginForgotten: async () => {
      for (const id of await ports.builds.list()) {
        const context = begun.has(id) ? undefined : await ports.builds.read(id);
        if (context === undefined) continue;
        if (ports.clock.nowMs() - context.receivedAtMs < PATIENCE_MS) continue;
        if ((await begin(id)) === 'started') {
          ports.log.warn('job was recorded but not begun, begun now', { build: id });
        }
        begun.add(id);
      }
    },
  };
}
