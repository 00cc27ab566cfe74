import { dirname } from 'node:path';
import { Runtime, type Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import type { ConfigSource, Ports } from '../ports/index.ts';
import type { Workflows } from '../ports/workflows.ts';
import { createArchives } from '../adapters/archives/archives.ts';
import { createBuildStore } from '../adapters/state/build-store.ts';
import { createCacheUses } from '../adapters/state/cache-uses.ts';
import { openKeyRing, type KeyRing } from '../adapters/state/cipher.ts';
import { createConfigSource } from '../adapters/config/config-file.ts';
import { createCredentialPrograms } from '../adapters/docker/credential-programs.ts';
import { readDockerConfigFiles } from '../adapters/docker/docker-config-file.ts';
import { createContainerEngines } from '../adapters/docker/engines.ts';
import { createCoordinator } from '../adapters/gitlab/coordinator.ts';
import { readSystemRoots } from '../adapters/http/system-roots.ts';
import type { AdjustableLog } from '../adapters/log/log.ts';
import { createHostFiles } from '../adapters/host/host-files.ts';
import { leaveOn } from '../adapters/host/leave-on.ts';
import { createMetrics, type NodeMetrics } from '../adapters/metrics/metrics.ts';
import { readInstallationId } from '../adapters/state/installation-id.ts';
import { createNodeCapacity, type ResizableCapacity } from '../adapters/state/node-capacity.ts';
import { createEncryptedJobs } from '../adapters/state/encrypted-jobs.ts';
import { openStateDirectory, type StatePaths } from '../adapters/state/state-directory.ts';
import { readSystemId } from '../adapters/state/system-id.ts';
import type { Temporal } from '../adapters/temporal/connect.ts';
import { watchTemporal, type WatchedTemporal } from '../adapters/temporal/temporal-health.ts';
import { bridgeTemporalLog } from '../adapters/temporal/runtime-log.ts';
import { createEncryptedHistories } from '../adapters/temporal/encrypted-histories.ts';
import {
  registerSearchAttributes,
  type SearchAttributes,
} from '../adapters/temporal/search-attributes.ts';
import { createLeases } from '../adapters/temporal/leases.ts';
import { createWorkflows } from '../adapters/temporal/workflows.ts';
import { createTraceSpool } from '../adapters/trace-spool/trace-spool.ts';
import { createVaultStore } from '../adapters/vault/vault.ts';
import { errorMessage } from '../domain/error-message.ts';
import * as messages from '../workflows/messages.ts';
import type { RunnerConfig } from '../domain/runner/config.ts';
import { createLargePatches, type LargePatches } from '../domain/trace/patch-size.ts';
import { readCacheLimits } from './caches/cache-limits.ts';
import { createCacheSweep } from './caches/cache-sweep.ts';
import { countErrors, type Monitoring } from './monitoring/monitoring.ts';
import { openNodeMonitoring, peersOf } from './monitoring/open-monitoring.ts';
import { closeQuietly, createClosers, type Closers } from './machine/closers.ts';
import { watchDisk, type DiskWatch } from './guards/disk-watch.ts';
import { watchDrain, type DrainWatch, type WatchedStanding } from './guards/drain-watch.ts';
import { checkKeys } from './guards/key-check.ts';
import { readNodeWaitMs } from './node-wait.ts';
import { readNamesView } from './visible-names.ts';
import { createPerEntry, type PerEntry } from './machine/per-entry.ts';
import { describeProgram, systemClock, systemPorts } from './machine/program.ts';
import { createRecovery, type Recovery } from './recovery/recovery.ts';
import { limitBuilds, readFileAllowance, watchOpenFiles } from './guards/open-files-watch.ts';
import { openCacheStore } from './caches/open-cache-store.ts';
import { openDuplicateWatch } from './guards/duplicate-watch.ts';
import { openTemporal } from './open-temporal.ts';
import { openSessions, type SessionOptions } from './sessions/open-sessions.ts';
import { openTracing } from './tracing/open-tracing.ts';
import { createWorkers } from './workers.ts';

export interface RunOptions {
  readonly configPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Uses the settings of the config file after its first reading. */
  readonly log: AdjustableLog;
  /** The level from the command line or the environment. It overrides the file. */
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
  /** The address of the metrics server. It overrides the file too. */
  readonly listenAddress?: string | undefined;
}

/**
 * A call to Temporal that is never answered must not hold up the periodic check of all builds. A
 * failed call is tried again.
 */
const WORKFLOW_CALL_LIMIT_MS = 30_000;

/** Everything that a node keeps open while it runs. */
export interface Node {
  readonly ports: Ports;
  readonly temporal: Temporal;
  /** Told each time that Temporal answers again after an absence. */
  readonly temporalReturns: WatchedTemporal['returns'];
  /** Asks Temporal for the drain and the pauses in force. */
  readonly readStanding: WatchedStanding['read'];
  /** Makes sure again that Temporal knows the search attributes of builds. */
  readonly renewAttributes: SearchAttributes['renew'];
  /** Temporal's workflows, for the node itself. Each call has a time limit. */
  readonly workflows: Workflows;
  readonly capacity: ResizableCapacity;
  readonly workers: readonly Worker[];
  readonly installation: string;
  readonly stateDir: string;
  readonly recovery: Recovery;
  readonly monitoring: Monitoring;
  /** Rejects when another process serves this node, and this one must leave. */
  readonly whenDuplicate: Promise<never>;
  /** Removes caches that are too old or exceed the size limit. Failures are only logged. */
  sweepCaches(): Promise<void>;
  /** Stops job requests for good. A reload does not resume them. */
  takeNoMore(): void;
  close(): Promise<void>;
}

/**
 * Opens a node: its config, state, records and connections. If something fails, everything opened
 * before is closed in reverse order.
 */
export async function openNode(options: RunOptions, stopping: AbortSignal): Promise<Node> {
  const closers = createClosers();
  try {
    const opening = openParts(options, { closers, stopping });
    const parts = await leaveOn(stopping, opening);
    return { ...parts, close: closers.close };
  } catch (error) {
    await closeQuietly(closers.close, options.log);
    throw error;
  }
}

interface Opening {
  readonly closers: Closers;
  /** Aborts everything that the opening waits for. */
  readonly stopping: AbortSignal;
}

async function openParts(
  options: RunOptions,
  { closers, stopping }: Opening,
): Promise<Omit<Node, 'close'>> {
  const { configPath, env } = options;
  const [nodeWaitMs, cacheLimits] = [readNodeWaitMs(env), readCacheLimits(env)];
  const capacity = createNodeCapacity(1);
  const intake: JobIntake = { capacity, isOpen: true, entryAdapters: [] };
  const { systemId, metrics, log, config } = await openSettings(options, intake);
  const { state, keyRing, builds } = await openRecords({ ...options, log }, { closers, capacity });
  const { cipher, nameHashes } = keyRing;

  const program = describeProgram();
  const { monitoring, metricsAddress } = await openNodeMonitoring({
    ...{ metrics, config, capacity, program, log, clock: systemClock },
    ...{ buildsDir: state.buildsDir, configFault: config.fault, statusSocket: state.statusSocket },
    listenAddress: options.listenAddress || (config.current().listenAddress ?? ''),
  });
  closers.add(() => monitoring.close());
  bridgeTemporalLog(Runtime, { log, clock: systemClock, metricsAddress });
  const temporal = await openTemporal({ env, cipher, log, state, signal: stopping }, closers);
  const installation = await readInstallationId(state.installationFile, program.hostname);
  await secureKeys(keyRing, { temporal, builds, config, installation, log });
  const nodeQueue = messages.nodeQueue(installation);
  const entryContext = { systemId, program, log, env, metrics, largePatches: createLargePatches() };
  const told = { nodeQueue, installation, log, env, stopping, nameHashes, closers };
  const { renewAttributes, ...temporalPorts } = portsOfTemporal(temporal, told);
  const ports: Ports = {
    ...temporalPorts,
    ...(await openEngine({ builds, log, cipher, config, env, installation, state, closers })),
    ...{ config, builds, capacity, log, metrics, program, systemId, nodeQueue, nodeWaitMs },
    encryptedJobs: createEncryptedJobs(cipher),
    ...openEntryAdapters({ ...entryContext, configPath }, { closers, intake }),
    ...{ archives: createArchives(), hostFiles: createHostFiles() },
    cacheUses: await createCacheUses({ directory: state.cachesDir, clock: systemClock, log }),
    traces: createTraceSpool({ builds, clock: systemClock, log }),
    secrets: createVaultStore({ env, log, roots: (files) => readSystemRoots(env, files) }),
    ...systemPorts,
    registryAuthFiles: () => readDockerConfigFiles(env),
    credentialPrograms: createCredentialPrograms({ env, log }),
  };
  monitoring.attach(peersOf(ports), placeOf(temporal));
  const activities = createActivities(ports);
  const duplicates = await openDuplicateWatch({ state, temporal, nodeQueue, program, log });
  closers.add(() => duplicates.close());
  const { identity, whenDuplicate } = duplicates;
  const { returns } = temporalPorts.temporalHealth;
  const traced = await openTracing(env, ports, closers);
  const served = { temporal, activities, capacity, nodeQueue, identity, traced, returns, log };
  const workers = await createWorkers({ ...served, clock: systemClock });
  const workflows = createWorkflows(temporal.client, { limitMs: WORKFLOW_CALL_LIMIT_MS });
  const watched = { directory: state.buildsDir, standingFile: state.standingFile };
  const readStanding = await watchIntake({ ...told, ...watched, workflows, capacity }, closers);
  return {
    ...{ ports, temporal, monitoring, workflows, capacity, workers, installation, whenDuplicate },
    ...{ stateDir: state.path, temporalReturns: returns, renewAttributes, readStanding },
    recovery: createRecovery({ workflows, installation, ports, orphaned: activities.orphaned }),
    sweepCaches: createCacheSweep(ports, cacheLimits),
    takeNoMore: () => closeIntake(intake),
  };
}

function placeOf({ address, namespace, uiAddress: ui }: Temporal) {
  return { address, namespace, ...(ui !== undefined && { ui }) };
}

/** Opens the state directory and its records, whose builds have their slots already. */
async function openRecords(
  { configPath, env, log }: Pick<RunOptions, 'configPath' | 'env'> & Pick<Ports, 'log'>,
  { closers, capacity }: Pick<Opening, 'closers'> & Pick<JobIntake, 'capacity'>,
) {
  const state = await openStateDirectory({ configPath, env, log });
  closers.add(() => state.release());
  const keyRing = await openKeyRing(state.keyRingFile);
  const builds = await createBuildStore({ directory: state.buildsDir, cipher: keyRing.cipher });
  for (const buildId of await builds.list()) {
    const context = await builds.read(buildId);
    if (context !== undefined) capacity.hold(buildId, context.runner.key);
  }
  return { state, keyRing, builds };
}

interface EngineScope extends Omit<SessionOptions, 'engine' | 'clock' | 'file'> {
  readonly env: RunOptions['env'];
  readonly installation: string;
  readonly state: StatePaths;
  readonly closers: Closers;
}

/** Opens Docker, and the terminals in its containers. */
async function openEngine({ env, installation, state, closers, ...shared }: EngineScope) {
  const engine = createContainerEngines({ env, log: shared.log, installation });
  const file = state.sessionCertificateFile;
  const sessions = await openSessions({ ...shared, engine, file, clock: systemClock }, closers);
  return { engine, sessions };
}

interface EntryContext extends Pick<Ports, 'systemId' | 'program' | 'log' | 'metrics'> {
  readonly largePatches: LargePatches;
  readonly env: RunOptions['env'];
  readonly configPath: string;
}

function openCoordinator(runner: RunnerConfig, { configPath, metrics, ...told }: EntryContext) {
  return createCoordinator({
    ...{ ...told, runner, configDir: dirname(configPath) },
    onTry: (answer) => metrics.apiAnswered(runner, answer),
  });
}

interface EntryScope {
  readonly closers: Closers;
  readonly intake: Pick<JobIntake, 'entryAdapters'>;
}

function openEntryAdapters(
  entryContext: EntryContext,
  { closers, intake }: EntryScope,
): Pick<Ports, 'coordinator' | 'cacheStore'> {
  const coordinators = createPerEntry((runner) => openCoordinator(runner, entryContext));
  const cacheStores = createPerEntry((runner) => openCacheStore(runner, entryContext));
  for (const adapters of [coordinators, cacheStores]) {
    intake.entryAdapters.push(adapters);
    closers.add(() => adapters.close());
  }
  return { coordinator: coordinators.of, cacheStore: cacheStores.of };
}

/** How many jobs the node takes, and through which adapters. */
interface JobIntake {
  readonly capacity: ResizableCapacity;
  /** False: the node takes no more jobs, whatever config.toml says. */
  isOpen: boolean;
  /** Adapters for each entry. A reload closes those of entries that are gone. */
  readonly entryAdapters: PerEntry<unknown>[];
}

/** Opens what must be read before anything else, and reads config.toml for the first time. */
async function openSettings(options: RunOptions, intake: JobIntake) {
  const { configPath } = options;
  const { capacity, entryAdapters } = intake;
  const allowance = await readFileAllowance();
  const systemId = await readSystemId({ configPath, log: options.log });
  const metrics = createMetrics({ systemId, clock: systemClock });
  const log = countErrors(options.log, metrics);
  const config = openConfig({ ...options, log }, metrics, ({ concurrent, runners }) => {
    if (intake.isOpen) countSlots(metrics, capacity, limitBuilds(concurrent, allowance, log));
    for (const adapters of entryAdapters) void adapters.keepOnly(runners);
  });
  await config.load();
  return { systemId, metrics, log, config };
}

interface KeyScope extends Pick<Ports, 'builds' | 'config' | 'log'> {
  readonly temporal: Temporal;
  readonly installation: string;
}

/** Checks the keys while this process has not encrypted anything yet. */
async function secureKeys(keyRing: KeyRing, scope: KeyScope): Promise<void> {
  const { temporal, builds, config, installation, log } = scope;
  await checkKeys({
    ...{ log, keyRingFile: keyRing.path },
    histories: createEncryptedHistories(temporal.client, keyRing.cipher),
    ownIds: [
      messages.feedRunnersId(installation),
      ...config.current().runners.map((runner) => messages.serveRunnerId(installation, runner)),
      ...(await builds.list()),
    ],
  });
  await keyRing.keep();
}

/** Watches the free space of the disk, the number of open files, and whether the node is drained. */
async function watchIntake(
  watch: DiskWatch & DrainWatch,
  closers: Closers,
): Promise<WatchedStanding['read']> {
  closers.add(await watchDisk(watch));
  closers.add(await watchOpenFiles(watch));
  const { read, close } = await watchDrain(watch);
  closers.add(close);
  return read;
}

function closeIntake(intake: JobIntake): void {
  intake.isOpen = false;
  intake.capacity.resize(0);
}

interface TemporalScope
  extends
    Pick<Node, 'installation'>,
    Pick<Ports, 'nodeQueue' | 'log'>,
    Pick<KeyRing, 'nameHashes'> {
  readonly env: RunOptions['env'];
  readonly stopping: AbortSignal;
  readonly closers: Closers;
}

function portsOfTemporal(
  { client, renew }: Temporal,
  { nodeQueue, installation, log, env, stopping, nameHashes, closers }: TemporalScope,
): Pick<Ports, 'leases' | 'workflows' | 'visibility'> &
  Pick<Node, 'renewAttributes'> & { readonly temporalHealth: WatchedTemporal } {
  const workflowId = messages.feedRunnersId(installation);
  const names = readNamesView(env, (name) => nameHashes(name)[0]);
  const attributes = registerSearchAttributes(client, log, { signal: stopping });
  const temporalHealth = watchTemporal({ client, workflowId, renew, log, clock: systemClock });
  // It may be back with a new database.
  temporalHealth.returns.add(attributes.renew);
  closers.add(async () => temporalHealth.close());
  return {
    leases: createLeases(client, nodeQueue),
    workflows: createWorkflows(client),
    visibility: { ...names, hasAttributes: () => attributes.areThere },
    temporalHealth,
    renewAttributes: attributes.renew,
  };
}

interface WatchedConfig extends ConfigSource {
  /** Returns why config.toml could not be read the last time; undefined when it could. */
  fault(): string | undefined;
}

function countSlots(metrics: NodeMetrics, capacity: ResizableCapacity, concurrent: number): void {
  const change = concurrent - capacity.concurrent;
  const operation = change > 0 ? 'started' : 'stopped';
  const name = 'gitlab_runner_worker_slot_operations_total';
  metrics.registry.add(name, { operation }, Math.abs(change));
  capacity.resize(concurrent);
}

/**
 * Opens the config file. At each reading the log takes the file's settings, unless the command line
 * overrides them.
 */
function openConfig(
  { configPath, env, log, logLevel, logFormat }: RunOptions,
  metrics: NodeMetrics,
  adopt: (loaded: ReturnType<ConfigSource['current']>) => void,
): WatchedConfig {
  const source = createConfigSource({ path: configPath, env, log });
  let fault: string | undefined;
  const read = async () => {
    try {
      const loaded = await source.load();
      metrics.registry.add('gitlab_runner_configuration_loaded_total');
      fault = undefined;
      return loaded;
    } catch (error) {
      metrics.registry.add('gitlab_runner_configuration_loading_error_total');
      fault = errorMessage(error);
      throw error;
    }
  };
  return {
    ...source,
    fault: () => fault,
    load: async () => {
      const loaded = await read();
      log.setLevel(logLevel ?? loaded.logLevel);
      log.setFormat(logFormat ?? loaded.logFormat);
      adopt(loaded);
      return loaded;
    },
  };
}
