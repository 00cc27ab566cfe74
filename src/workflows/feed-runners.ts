import {
  ChildWorkflowCancellationType,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  startChild,
  WorkflowExecutionAlreadyStartedError,
  workflowInfo,
} from '@temporalio/workflow';
import type { ConfigActivities } from '../activities/contract.ts';
import { planFeedings, type Feeding, type FleetSettings } from '../domain/runner/fleet.ts';
import { nextWakeAtMs, updateHealth, wakeHealth, type RunnerHealth } from '../domain/runner/health.ts';
import * as messages from './messages.ts';
import { serveRunner } from './serve-runner.ts';

/** All that survives continue-as-new. */
export interface FeedRunnersState {
  readonly installation: string;
  readonly configQueue: string;
  readonly settings: FleetSettings;
  readonly health: Readonly<Record<string, RunnerHealth>>;
  readonly paused: readonly string[];
  readonly isDraining: boolean;
  /** Runners that have a serveRunner, as they were last told to ask. */
  readonly fed: Readonly<Record<string, FedRunner>>;
  readonly needsReload: boolean;
  readonly askAnew: boolean;
  readonly isStopping: boolean;
}

export interface FedRunner {
  readonly workflowId: string;
  readonly feeding: Feeding;
}

/** State of an installation that has not read its config yet. */
export function initialFeedRunnersState(
  installation: string,
  configQueue: string,
): FeedRunnersState {
  return {
    installation,
    configQueue,
    settings: { checkIntervalMs: 3_000, concurrent: 1, runners: [] },
    health: {},
    paused: [],
    isDraining: false,
    fed: {},
    needsReload: true,
    askAnew: false,
    isStopping: false,
  };
}

/**
 * Owns the runners of one installation: starts a serveRunner for each entry of config.toml, tells it
 * whether and at what pace to ask for jobs, and rests those that GitLab refuses.
 */
export async function feedRunners(initial: FeedRunnersState): Promise<void> {
  const fleet = openFleet(initial);
  handleMessages(fleet);

  for (;;) {
    const wakeMs = untilNextWakeMs(fleet.state());
    await (wakeMs === undefined
      ? condition(fleet.hasChanged)
      : condition(fleet.hasChanged, wakeMs));
    fleet.markSeen();
    if (fleet.state().needsReload) await reload(fleet);
    fleet.update({ health: wakeAll(fleet.state()) });
    await feedAll(fleet);
    if (fleet.state().isStopping) return;
    if (workflowInfo().continueAsNewSuggested && !fleet.hasChanged()) {
      await continueAsNew<typeof feedRunners>(fleet.state());
    }
  }
}

/** The state, and whether a message has changed it since it was last looked at. */
interface Fleet {
  state(): FeedRunnersState;
  /** Changes made by the loop itself. */
  update(change: Partial<FeedRunnersState>): void;
  /** Changes made by a message: the loop must look again. */
  receive(change: Partial<FeedRunnersState>): void;
  hasChanged(): boolean;
  markSeen(): void;
}

function openFleet(initial: FeedRunnersState): Fleet {
  let state = initial;
  let isSeen = false;
  return {
    state: () => state,
    update: (change) => {
      state = { ...state, ...change };
    },
    receive: (change) => {
      state = { ...state, ...change };
      isSeen = false;
    },
    hasChanged: () => !isSeen,
    markSeen: () => {
      isSeen = true;
    },
  };
}

function handleMessages({ state, receive }: Fleet): void {
  const keyOf = (runner: string): string =>
    state().settings.runners.find(({ key, name }) => key === runner || name === runner)?.key ??
    runner;
  setHandler(messages.reloadConfigSignal, ({ configQueue, hasRestarted }) => {
    const askAnew = state().askAnew || hasRestarted;
    // gitlab-runner forgets all health on a reload: the operator may just have mended the token.
    receive({ configQueue, needsReload: true, askAnew, health: {} });
  });
  setHandler(messages.pauseRunnerSignal, (runner) => {
    receive({ paused: [...new Set([...state().paused, keyOf(runner)])] });
  });
  setHandler(messages.resumeRunnerSignal, (runner) => {
    receive({ paused: state().paused.filter((key) => key !== keyOf(runner)) });
  });
  setHandler(messages.drainSignal, () => receive({ isDraining: true }));
  setHandler(messages.resumeSignal, () => receive({ isDraining: false }));
  setHandler(messages.stopSignal, () => receive({ isStopping: true }));
  setHandler(messages.reportHealthSignal, ({ runnerKey, isHealthy }) => {
    const health = updateHealth(state().health[runnerKey], isHealthy, Date.now());
    receive({ health: { ...state().health, [runnerKey]: health } });
  });
  setHandler(messages.fleetStateQuery, state);
}

/** A file that cannot be read leaves the last good settings in force. */
async function reload({ state, update }: Fleet): Promise<void> {
  update({ needsReload: false });
  const { loadConfig } = proxyActivities<ConfigActivities>({
    taskQueue: state().configQueue,
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: '2 minutes',
    retry: { maximumAttempts: 3 }, // the next reload brings the next chance
  });
  try {
    update({ settings: await loadConfig() });
  } catch (error) {
    log.error('config not loaded, the last good one stays in force', { error });
  }
}

function wakeAll(state: FeedRunnersState): Record<string, RunnerHealth> {
  const now = Date.now();
  return Object.fromEntries(
    state.settings.runners.flatMap((runner) => {
      const health = wakeHealth(state.health[runner.key], runner, now);
      return health === undefined ? [] : [[runner.key, health]];
    }),
  );
}

function untilNextWakeMs(state: FeedRunnersState): number | undefined {
  const now = Date.now();
  const wakeAtMs = nextWakeAtMs(state.settings.runners, state.health, now);
  return wakeAtMs === undefined ? undefined : Math.max(1_000, wakeAtMs - now);
}

/** Brings every serveRunner in line with the settings: starts new ones, changes, stops removed ones. */
async function feedAll({ state, update }: Fleet): Promise<void> {
  const { installation, settings, isStopping, askAnew, fed } = state();
  update({ askAnew: false });
  const feedings = isStopping ? new Map<string, Feeding>() : planFeedings(state(), Date.now());
  const next: Record<string, FedRunner> = {};
  for (const runner of settings.runners) {
    const feeding = feedings.get(runner.key);
    if (feeding === undefined) continue;
    const workflowId = messages.serveRunnerId(installation, runner);
    const before = fed[runner.key];
    if (before === undefined || askAnew || !isSameFeeding(before.feeding, feeding)) {
      await feed(workflowId, { runner, installation, feeding, askAnew });
    }
    next[runner.key] = { workflowId, feeding };
  }
  for (const [key, { workflowId }] of Object.entries(fed)) {
    if (next[key] === undefined) await stopRunner(workflowId);
  }
  update({ fed: next });
}

function isSameFeeding(a: Feeding, b: Feeding): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

interface FeedOrder {
  readonly runner: messages.RunnerIdentity;
  readonly installation: string;
  readonly feeding: Feeding;
  readonly askAnew: boolean;
}

async function feed(workflowId: string, order: FeedOrder): Promise<void> {
  const { runner, installation, feeding, askAnew } = order;
  try {
    await startChild(serveRunner, {
      workflowId,
      args: [{ runner, feeding, buildIds: [], feederId: workflowInfo().workflowId }],
      // Runners outlive a continue-as-new of their feeder; `stop` ends them.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: `runner ${runner.name} of ${installation}`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    await getExternalWorkflowHandle(workflowId)
      .signal(messages.feedSignal, { feeding, askAnew })
      .catch((cause: unknown) => log.warn('runner not fed', { workflowId, cause }));
  }
}

async function stopRunner(workflowId: string): Promise<void> {
  await getExternalWorkflowHandle(workflowId)
    .signal(messages.stopSignal)
    // It is gone already: that is what was wanted.
    .catch((cause: unknown) => log.info('runner was not there to stop', { workflowId, cause }));
}
