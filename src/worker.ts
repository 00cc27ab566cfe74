import { watchFile, unwatchFile } from 'node:fs';
import { dirname, join } from 'node:path';
import { Runtime, type Worker } from '@temporalio/worker';
import { createActivities } from './activities/index.ts';
import type { ConfigSource, Ports } from './activities/ports.ts';
import { createBuildStore } from './adapters/build-store.ts';
import { loadCipher } from './adapters/cipher.ts';
import { createConfigSource } from './adapters/config-file.ts';
import { readDockerConfigFile } from './adapters/docker/docker-config-file.ts';
import { createContainerEngine } from './adapters/docker/engine.ts';
import { createCoordinator } from './adapters/gitlab/coordinator.ts';
import { createLog, type AdjustableLog } from './adapters/log.ts';
import { createNodeCapacity, type ResizableCapacity } from './adapters/node-capacity.ts';
import { openStateDirectory } from './adapters/state-directory.ts';
import { readSystemId } from './adapters/system-id.ts';
import { connectTemporal, type Temporal } from './adapters/temporal/connect.ts';
import { bridgeTemporalLog } from './adapters/temporal/runtime-log.ts';
import { createTraceSpool } from './adapters/trace-spool.ts';
import type { RunnerConfig } from './domain/runner/config.ts';
import {
  describeProgram,
  systemClock,
  systemDigests,
  systemRandomness,
} from './worker/program.ts';
import { createRecovery, type Recovery } from './worker/recovery.ts';
import { listenForShutdown } from './worker/shutdown.ts';
import { createWorkers } from './worker/workers.ts';
import { initialFeedRunnersState, type feedRunners } from './workflows/feed-runners.ts';
import * as messages from './workflows/messages.ts';

export interface RunOptions {
  readonly configPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Set on the command line or in the environment: goes before the file's. */
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
}

/** How often config.toml is looked at for changes, as gitlab-runner does it. */
const CONFIG_WATCH_MS = 3_000;
const FORGOTTEN_CHECK_MS = 5_000;

/**
 * Everything one node needs, in the foreground: the embedded Temporal unless another is named, the
 * three workers, and feedRunners when config.toml has runners. Returns the exit code.
 */
export async function runWorker(options: RunOptions): Promise<number> {
  const log = createLog({
    level: options.logLevel ?? 'info',
    format: options.logFormat ?? 'runner',
  });
  const node = await openNode(options, log);
  try {
    return await serve(node, options);
  } finally {
    await node.close();
  }
}

interface Node {
  readonly ports: Ports;
  readonly temporal: Temporal;
  readonly capacity: ResizableCapacity;
  readonly workers: readonly Worker[];
  readonly installation: string;
  readonly recovery: Recovery;
  /** For good: a reload does not open it again. */
  takeNoMore(): void;
  close(): Promise<void>;
}

async function openNode(options: RunOptions, log: AdjustableLog): Promise<Node> {
  const { configPath, env } = options;
  const state = await openStateDirectory({ configPath, env, log });
  const capacity = createNodeCapacity(1);
  const intake = { isOpen: true };
  const config = adoptLoaded(createConfigSource({ path: configPath, env, log }), (loaded) => {
    if (intake.isOpen) capacity.resize(loaded.concurrent);
    log.setLevel(options.logLevel ?? loaded.logLevel);
    log.setFormat(options.logFormat ?? loaded.logFormat);
  });
  await config.load();
  const systemId = await readSystemId({ configPath, log });
  const cipher = await loadCipher(join(state.keysDir, 'payload.json'));
  const builds = await createBuildStore({ directory: state.buildsDir, cipher });
  for (const buildId of await builds.list()) capacity.hold(buildId);

  bridgeTemporalLog(Runtime, log);
  const temporal = await connectTemporal({ env, stateDir: state.temporalDir, cipher, log });
  const program = describeProgram();
  const nodeQueue = messages.nodeQueue(systemId);
  const ports: Ports = {
    ...{ config, builds, capacity, log, program, systemId, nodeQueue },
    coordinator: oncePerRunner((runner) =>
      createCoordinator({ runner, systemId, program, log, env, configDir: dirname(configPath) }),
    ),
    engine: oncePerRunner(({ docker }) =>
      createContainerEngine({ docker, env, log, installation: systemId }),
    ),
    traces: createTraceSpool({ builds, clock: systemClock, log }),
    clock: systemClock,
    randomness: systemRandomness,
    digests: systemDigests,
    registryAuthFile: () => readDockerConfigFile(env),
  };
  const activities = createActivities(ports);
  const identity = `${program.hostname}:${process.pid}`;
  const workers = await createWorkers({ temporal, activities, capacity, nodeQueue, identity });
  const recovery = createRecovery(temporal.client, systemId, ports);
  return {
    ...{ ports, temporal, capacity, workers, recovery, installation: systemId },
    takeNoMore: () => {
      intake.isOpen = false;
      capacity.resize(0);
    },
    close: async () => {
      await temporal.close();
      await state.release();
    },
  };
}

async function serve(node: Node, { configPath }: RunOptions): Promise<number> {
  const { ports, workers, temporal, capacity, recovery } = node;
  const running = Promise.all(workers.map((worker) => worker.run()));
  const stop = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const unlisten = listenForShutdown(ports.log, (kind) => {
    node.takeNoMore();
    if (kind === 'stop') stop();
    else void capacity.whenIdle().then(stop);
  });
  const reload = (): void => void feed(node, false).catch(reportReload);
  const reportReload = (error: unknown): void => ports.log.error('reload not signaled', { error });
  process.on('SIGHUP', reload);
  watchFile(configPath, { interval: CONFIG_WATCH_MS }, reload);
  const forgotten = setInterval(() => {
    recovery.beginForgotten().catch((error: unknown) => {
      ports.log.warn('recorded jobs not looked through', { error });
    });
  }, FORGOTTEN_CHECK_MS);
  try {
    await Promise.race([running, recovery.recoverAll().then(() => feed(node, true))]);
    ports.log.info('ready', {
      temporal: temporal.address,
      namespace: temporal.namespace,
      ...(temporal.uiAddress !== undefined && { ui: temporal.uiAddress }),
      concurrent: capacity.concurrent,
      runners: ports.config.current().runners.length,
      config: configPath,
      task_queue: ports.nodeQueue,
    });
    await running;
    return 0;
  } finally {
    clearInterval(forgotten);
    unwatchFile(configPath, reload);
    process.off('SIGHUP', reload);
    unlisten();
    stop();
  }
}

/** Starts feedRunners, or tells the one that runs to read this node's config. */
async function feed({ temporal, ports, installation }: Node, hasRestarted: boolean): Promise<void> {
  if (ports.config.current().runners.length === 0) await ports.config.load();
  if (hasRestarted && ports.config.current().runners.length === 0) {
    ports.log.warn('no runners in the config: this node only serves those of other nodes');
  }
  const configQueue = ports.nodeQueue;
  await temporal.client.workflow.signalWithStart<typeof feedRunners, [messages.ReloadRequest]>(
    'feedRunners',
    {
      workflowId: messages.feedRunnersId(installation),
      taskQueue: messages.ORCHESTRATION_QUEUE,
      args: [initialFeedRunnersState(installation, configQueue)],
      signal: messages.reloadConfigSignal,
      signalArgs: [{ configQueue, hasRestarted }],
    },
  );
}

function adoptLoaded(
  source: ConfigSource,
  adopt: (loaded: ReturnType<ConfigSource['current']>) => void,
): ConfigSource {
  return {
    ...source,
    load: async () => {
      const loaded = await source.load();
      adopt(loaded);
      return loaded;
    },
  };
}

/** One adapter for each entry, made anew when the entry was changed in the file. */
function oncePerRunner<T>(make: (runner: RunnerConfig) => T): (runner: RunnerConfig) => T {
  const made = new Map<string, { readonly entry: string; readonly adapter: T }>();
  return (runner) => {
    const entry = JSON.stringify(runner);
    const known = made.get(runner.key);
    if (known?.entry === entry) return known.adapter;
    const adapter = make(runner);
    made.set(runner.key, { entry, adapter });
    return adapter;
  };
}
