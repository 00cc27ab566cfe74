import { watchFile, unwatchFile } from 'node:fs';
import { sweepLeftovers } from './worker/recovery/leftovers.ts';
import { oneAtATime } from './worker/recovery/one-at-a-time.ts';
import { closeQuietly } from './worker/machine/closers.ts';
import { openNode, type Node, type RunOptions } from './worker/node.ts';
import { createReload, type Reload } from './worker/recovery/reload.ts';
import { createWorkflowRestart, type WorkflowRestart } from './worker/recovery/workflow-restart.ts';
import { listenForShutdown, onAbort, type Shutdown } from './worker/shutdown.ts';
import { noteNode, logStanding } from './worker/standing.ts';
import * as messages from './workflows/messages.ts';
import { initialFeedRunnersState } from './workflows/states.ts';

export type { RunOptions } from './worker/node.ts';

/** How often config.toml is checked for changes, as in gitlab-runner. */
const CONFIG_WATCH_MS = 3_000;
/** How often the node's records are compared with Temporal's workflows. */
const RECONCILE_INTERVAL_MS = 5_000;
/** How often to try again to remove what Docker did not remove when its build ended. */
const SWEEP_INTERVAL_MS = 5 * 60_000;
/** How often to check whether somebody has ended the workflows that ask for jobs. */
const RESTART_INTERVAL_MS = 20_000;

/**
 * Runs one node in the foreground: the embedded Temporal unless another is configured, the three
 * workers, and feedRunners, also when config.toml has no runners. Returns 0, and throws any failure
 * that is not a stop.
 */
export async function runWorker(options: RunOptions): Promise<number> {
  const { log } = options;
  const shutdown = listenForShutdown(log);
  try {
    const node = await openNode(options, shutdown.stopping);
    try {
      await serve(node, { configPath: options.configPath, shutdown });
    } catch (error) {
      await closeQuietly(node.close, log);
      throw error;
    }
    await node.close();
    return 0;
  } catch (error) {
    // An opening that the stop has interrupted is not a failure.
    if (!shutdown.stopping.aborted) throw error;
    log.debug('given up for the stop', { error });
    return 0;
  } finally {
    shutdown.close();
  }
}

interface Service {
  readonly configPath: string;
  readonly shutdown: Shutdown;
}

async function serve(node: Node, { configPath, shutdown }: Service): Promise<void> {
  const { workers, capacity, recovery } = node;
  const running = Promise.all(workers.map((worker) => worker.run()));
  const stop = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  onAbort(shutdown.draining, () => {
    node.monitoring.enter('graceful-shutdown');
    node.takeNoMore();
    void capacity.whenIdle().then(stop);
  });
  onAbort(shutdown.stopping, () => {
    node.monitoring.enter('forceful-shutdown');
    node.takeNoMore();
    stop();
  });
  const endPeriodicWork = startPeriodicWork(node, configPath);
  try {
    await Promise.race([running, recovery.recoverAll().then(() => feed(node, true))]);
    if (shutdown.stopping.aborted) {
      await running;
      return;
    }
    await noteNode(node, configPath);
    if (!shutdown.draining.aborted) node.monitoring.enter('running');
    logReady(node, configPath);
    void logStanding(node);
    void node.sweepCaches();
    await Promise.race([running, node.whenDuplicate]);
  } catch (error) {
    stop();
    await running.catch(() => undefined);
    throw error;
  } finally {
    endPeriodicWork();
    stop();
  }
}

/** Starts the periodic work and listens for reloads. Returns a function that ends both. */
function startPeriodicWork(node: Node, configPath: string): () => void {
  const { ports, recovery, temporalReturns } = node;
  const restart = openWorkflowRestart(node);
  const reload = createReload(restart.feed, ports);
  const requestReload = (): void => void reload.request();
  process.on('SIGHUP', requestReload);
  watchFile(configPath, { interval: CONFIG_WATCH_MS }, requestReload);
  const forgetReturns = temporalReturns.add(() => void reload.retry());
  const reconciling = setInterval(() => {
    recovery.reconcileBuilds().catch((error: unknown) => {
      ports.log.warn('recorded jobs not looked through', { error });
    });
  }, RECONCILE_INTERVAL_MS);
  const checking = scheduleWorkflowChecks(node, { reload, restart });
  const sweeping = setInterval(() => {
    sweepLeftovers(ports).catch((error: unknown) => {
      ports.log.warn('leftovers not searched for', { error });
    });
    void node.sweepCaches();
  }, SWEEP_INTERVAL_MS);
  return () => {
    clearInterval(checking);
    clearInterval(sweeping);
    clearInterval(reconciling);
    forgetReturns();
    unwatchFile(configPath, requestReload);
    process.off('SIGHUP', requestReload);
  };
}

function logReady({ ports, temporal, capacity }: Node, configPath: string): void {
  ports.log.info('ready', {
    pid: process.pid,
    temporal: temporal.address,
    namespace: temporal.namespace,
    ...(temporal.uiAddress !== undefined && { ui: temporal.uiAddress }),
    concurrent: capacity.concurrent,
    runners: ports.config.current().runners.length,
    config: configPath,
    task_queue: ports.nodeQueue,
  });
}

function openWorkflowRestart(node: Node): WorkflowRestart {
  const { workflows, installation, ports } = node;
  return createWorkflowRestart(
    { workflows, installation, ports },
    { feed: () => feed(node, false), onGone: node.renewAttributes },
  );
}

interface WorkflowChecks {
  readonly reload: Pick<Reload, 'retry'>;
  readonly restart: Pick<WorkflowRestart, 'restartAll'>;
}

/**
 * Checks periodically whether the workflows that ask for jobs run, and starts them again if not.
 * Also signals a reload that could not be signaled. The first check comes after one interval,
 * because the node has just started the workflows itself.
 */
function scheduleWorkflowChecks(
  { ports: { log } }: Node,
  { reload, restart }: WorkflowChecks,
): NodeJS.Timeout {
  const check = oneAtATime(async () => {
    await reload.retry();
    await restart.restartAll().catch((error: unknown) => {
      log.warn('workflows that ask for jobs not checked', { error });
    });
  });
  return setInterval(() => void check(), RESTART_INTERVAL_MS);
}

/** Starts feedRunners, or tells a running one to read this node's config. */
async function feed(
  { workflows, ports, installation, readStanding }: Node,
  hasRestarted: boolean,
): Promise<void> {
  if (hasRestarted && ports.config.current().runners.length === 0) {
    ports.log.warn('no runners in the config: this node only serves those of other nodes');
  }
  const configQueue = ports.nodeQueue;
  const standing = await readStanding();
  await workflows.signalWithStart(
    {
      type: 'feedRunners',
      workflowId: messages.feedRunnersId(installation),
      taskQueue: messages.ORCHESTRATION_QUEUE,
      workflowTaskTimeout: messages.WORKFLOW_TASK_TIMEOUT,
      args: [initialFeedRunnersState(installation, configQueue, standing)],
      // The node reads it before the workflow has run.
      memo: { ...standing } satisfies messages.FeederMemo,
      reuse: 'use_existing',
    },
    { name: messages.reloadConfigSignal.name, args: [{ configQueue, hasRestarted }] },
  );
}
