import { inspect } from 'node:util';
import type { Client, WorkflowClient } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, type NativeConnection } from '@temporalio/worker';
import type { SlotActivities } from '../../../src/activities/contract.ts';
import { ORCHESTRATION_QUEUE, SLOTS_QUEUE } from '../../../src/workflows/messages.ts';
import { temporalCli } from '../../support/temporal/temporal-cli.ts';
import { startFakeNode, type FakeNode } from './fake-node.ts';
import { openFakeGitLab, type FakeGitLab } from './fake-gitlab.ts';
import { WORKFLOW_BUNDLE } from './workflow-bundle.ts';

/** A real Temporal server with our workflows, and nodes whose activities are fakes. */
export interface World {
  readonly client: WorkflowClient;
  /** The whole client, as in the program. */
  readonly temporal: Client;
  readonly gitlab: FakeGitLab;
  /** The connection for nodes that a test makes itself. */
  readonly connection: NativeConnection;
  /** Starts a node with a queue of its own. It ends with the world. */
  startNode(name: string): Promise<FakeNode>;
  /** Lets another process, without the memory of the last, take over the workflows. */
  restartWorkflows(): Promise<void>;
  end(): Promise<void>;
}

export interface WorldOptions {
  /** Number of events after which Temporal suggests to continue as new. Its default is 4096. */
  readonly suggestContinueAsNewAt?: number;
  /** True: only nodes that a test adds to the fleet serve the queue of job requests. */
  readonly hasNoSharedQueue?: boolean;
}

/** A line that a workflow has written into the log. */
export interface WorkflowLine {
  readonly workflowId: unknown;
  readonly message: string;
  /** The whole line, with all fields. */
  readonly text: string;
}

/** Warnings and errors of all workflows of this process, in their order. */
export const workflowLines: readonly WorkflowLine[] = [];

/** Removes the server's delay of 50 ms before each task. */
const DYNAMIC_CONFIG = {
  'history.transferProcessorMaxPollRPS': 2000,
  'history.timerProcessorMaxPollRPS': 2000,
  'frontend.namespaceRPS': 10_000,
};

// This is not in a hook of a test, because a process with Temporal's runtime does not end when it fails.
const TEMPORAL_CLI = temporalCli();

const isVerbose = Boolean(process.env['TGR_TEST_VERBOSE']);
Runtime.install({
  // Tests make things fail, so warnings of the workflows about that would be noise.
  logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
    const text = `${message} ${inspect(meta, { breakLength: Infinity, maxStringLength: null })}`;
    (workflowLines as WorkflowLine[]).push({ workflowId: meta?.['workflowId'], message, text });
    if (!isVerbose) return;
    process.stderr.write(`[temporal] ${level} ${message} ${JSON.stringify(meta)}\n`);
  }),
  telemetryOptions: { logging: { forward: {}, filter: 'ERROR' } },
});

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const env = await startServer(options);
  const gitlab = openFakeGitLab();
  const connection = env.nativeConnection;
  const startWorkflows = async (): Promise<RunningWorker> =>
    run(
      await Worker.create({
        connection,
        workflowBundle: WORKFLOW_BUNDLE,
        identity: 'test',
        taskQueue: ORCHESTRATION_QUEUE,
        stickyQueueScheduleToStartTimeout: '1 second',
      }),
    );
  let workflows = await startWorkflows();
  const startSlots = async (): Promise<RunningWorker> =>
    run(
      await Worker.create({
        connection,
        taskQueue: SLOTS_QUEUE,
        activities: { ...(gitlab.activities satisfies SlotActivities) },
        shutdownForceTime: '1 second',
        maxHeartbeatThrottleInterval: '100 ms',
        defaultHeartbeatThrottleInterval: '100 ms',
      }),
    );
  const slots = options.hasNoSharedQueue === true ? undefined : await startSlots();
  const nodes: FakeNode[] = [];
  return {
    client: env.client.workflow,
    temporal: env.client,
    ...{ gitlab, connection },
    startNode: async (name) => {
      const node = await startFakeNode(connection, name);
      nodes.push(node);
      return node;
    },
    restartWorkflows: async () => {
      await workflows.end();
      workflows = await startWorkflows();
    },
    end: async () => {
      await terminateAll(env.client.workflow);
      gitlab.close();
      await Promise.all(nodes.map((node) => node.kill()));
      await Promise.allSettled([workflows.end(), slots?.end()]);
      await env.teardown();
    },
  };
}

interface RunningWorker {
  end(): Promise<void>;
}

function run(worker: Worker): RunningWorker {
  const running = worker.run();
  return {
    end: () => {
      worker.shutdown();
      return running;
    },
  };
}

function startServer({ suggestContinueAsNewAt }: WorldOptions): Promise<TestWorkflowEnvironment> {
  const settings = {
    ...DYNAMIC_CONFIG,
    ...(suggestContinueAsNewAt !== undefined && {
      'limit.historyCount.suggestContinueAsNew': suggestContinueAsNewAt,
    }),
  };
  return TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: TEMPORAL_CLI },
      extraArgs: Object.entries(settings).flatMap(([key, value]) => [
        '--dynamic-config-value',
        `${key}=${value}`,
      ]),
    },
  });
}

/** Ends all workflows: none may call activities while its world is closed. */
async function terminateAll(client: WorkflowClient): Promise<void> {
  for await (const { workflowId } of client.list({ query: 'ExecutionStatus = "Running"' })) {
    await client
      .getHandle(workflowId)
      .terminate('the test is over')
      .catch(() => undefined);
  }
}
