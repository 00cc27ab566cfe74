import {
  condition,
  log,
  makeContinueAsNewFunc,
  patched,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ConfigActivities } from '../activities/contract.ts';
import { isSameFeeding, planFeedings } from '../domain/runner/fleet.ts';
import {
  isDisabled,
  nextWakeAtMs,
  updateHealth,
  wakeHealth,
  type RunnerHealth,
} from '../domain/runner/health.ts';
import { isObject } from '../domain/is-object.ts';
import { isNoInput } from '../domain/no-input.ts';
import { isNotPickedUp, isTimeOut, reasonOf, throwBug } from './node/activity-failure.ts';
import { feed, stopRunner, type RunnerFeeding } from './fleet/fed-runner.ts';
import { handleOperatorCommands } from './fleet/operator-commands.ts';
import { noteStanding } from './fleet/standing-memo.ts';
import { clearValue } from '../domain/clear-text.ts';
import * as messages from './messages.ts';
import type { FedRunner, FeedRunnersState } from './states.ts';

/** First pause before the config is read again that no process of the node has read in time. */
const RELOAD_PAUSE_MS = 20_000;
/** Each further pause is twice as long, up to this: a node that is off reads its file at its start. */
const MAX_RELOAD_PAUSE_MS = 600_000;
/** The change by which `stop` and reload count also while the runners are being told. */
const LATE_MESSAGES = 'acts on a stop or reload that arrives late';

/**
 * Manages the runners of one installation: starts a serveRunner for each entry of config.toml,
 * tells it whether and how often to ask for jobs, and disables those that GitLab refuses.
 */
export async function feedRunners(initial: FeedRunnersState): Promise<void> {
  const fleet = openFleet(initial);
  handleMessages(fleet);

  for (;;) {
    const wakeMs = untilNextTimeMs(fleet.state());
    await (wakeMs === undefined
      ? condition(fleet.hasChanged)
      : condition(fleet.hasChanged, wakeMs));
    fleet.markSeen();
    if (isReloadDue(fleet.state())) await reload(fleet);
    fleet.update({ health: wakeAll(fleet.state()) });
    noteStanding(fleet.state());
    const hasStopped = await feedAll(fleet);
    if (shouldEnd(fleet.state(), hasStopped)) return;
    // Changes that arrive later are in the state, which the next run reads first.
    if (workflowInfo().continueAsNewSuggested) {
      const { memo = {} } = workflowInfo();
      await makeContinueAsNewFunc<typeof feedRunners>({ memo })(fleet.state());
    }
  }
}

/** The state, and whether a message has changed it since it was last read. */
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

function handleMessages(fleet: Fleet): void {
  const { state, update, receive } = fleet;
  const reloadConfig = (request?: messages.ReloadRequest): void => {
    // Anybody with access to the namespace may send any value, and an exception here would block
    // the workflow.
    const asked = isObject(request) ? request : undefined;
    if (!isNoInput(request) && !isReloadRequest(request)) {
      log.warn('reloadConfig signal with unknown content, taken as one without');
    }
    const isNamed = typeof asked?.configQueue === 'string' && asked.configQueue !== '';
    const configQueue = isNamed ? asked.configQueue : state().configQueue;
    const askAnew = state().askAnew || asked?.hasRestarted === true;
    const isStopping = state().isStopping && !patched(LATE_MESSAGES);
    // Like gitlab-runner, a reload forgets the health of all runners, because the operator may have
    // just fixed the token.
    receive({ configQueue, needsReload: true, feedsAll: true, askAnew, health: {}, isStopping });
    update({ reloadPauseMs: undefined });
  };
  setHandler(messages.reloadConfigSignal, reloadConfig, {
    description: 'Sent by a node that has read its config.toml or was started anew.',
  });
  setHandler(messages.reportHealthSignal, (report) => {
    if (!isHealthReport(report))
      return log.warn('reportHealth signal with unknown content ignored');
    const { runnerKey, isHealthy } = report;
    const health = updateHealth(state().health[runnerKey], isHealthy, Date.now());
    receive({ health: { ...state().health, [runnerKey]: health } });
  });
  setHandler(messages.fleetStateQuery, () => {
    const { settings, health, paused, isDraining } = state();
    return { settings, health, paused, isDraining };
  });
  setHandler(messages.fleetStatusQuery, () => clearValue(describeFleet(state())), {
    description: 'Which runners ask for jobs, and why others do not. No input.',
  });
  // This call comes last, because signals that arrive before their handler is set would count as
  // unknown.
  handleOperatorCommands({ state, receive, reload: () => reloadConfig() });
}

function describeFleet({ settings, paused, isDraining, health }: FeedRunnersState) {
  const runners = settings.runners.map((runner) => {
    const isRefused = isDisabled(health[runner.key], runner, Date.now());
    const rest = paused.includes(runner.key) ? 'paused' : isRefused && 'refused by GitLab';
    return { runner: runner.key, state: isDraining ? 'drained' : rest || 'asks for jobs' };
  });
  return { isDraining, concurrent: settings.concurrent, runners };
}

function isReloadRequest(request: unknown): boolean {
  const { configQueue, hasRestarted = false } = isObject(request) ? request : {};
  return typeof configQueue === 'string' && typeof hasRestarted === 'boolean';
}

function isHealthReport(report: unknown): report is messages.HealthReport {
  const { runnerKey, isHealthy } = isObject(report) ? report : {};
  return typeof runnerKey === 'string' && typeof isHealthy === 'boolean';
}

function isReloadDue({ needsReload, reloadAtMs }: FeedRunnersState): boolean {
  return needsReload || (reloadAtMs !== undefined && reloadAtMs <= Date.now());
}

/** If the file cannot be read, the last good settings stay in force. */
async function reload({ state, update }: Fleet): Promise<void> {
  update({ needsReload: false, reloadAtMs: undefined });
  const { loadConfig } = proxyActivities<ConfigActivities>({
    taskQueue: state().configQueue,
    startToCloseTimeout: '30 seconds',
    // No message is acted on meanwhile, so a node that is away must not delay it for long.
    scheduleToStartTimeout: '20 seconds',
    scheduleToCloseTimeout: '1 minute',
    retry: { maximumAttempts: 3 }, // the next reload tries again
  });
  try {
    update({ settings: await loadConfig() });
  } catch (error) {
    throwBug(error);
    // A node that was stopped at that moment reads its file when it starts.
    const level = isNotPickedUp(error) ? 'debug' : 'error';
    log[level]('config not loaded, the last good one stays in force', { reason: reasonOf(error) });
    // A node that was only cut off from Temporal does not send the signal again.
    if (isTimeOut(error) && patched('reads the config again after a time-out')) {
      const { reloadPauseMs = RELOAD_PAUSE_MS } = state();
      update({
        reloadAtMs: Date.now() + reloadPauseMs,
        reloadPauseMs: Math.min(2 * reloadPauseMs, MAX_RELOAD_PAUSE_MS),
      });
    }
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

/** Returns when the loop must look again without a message; undefined when it need not. */
function untilNextTimeMs(state: FeedRunnersState): number | undefined {
  const wakeMs = untilNextWakeMs(state);
  if (state.reloadAtMs === undefined) return wakeMs;
  return Math.min(wakeMs ?? Infinity, Math.max(1, state.reloadAtMs - Date.now()));
}

function untilNextWakeMs({ settings, health }: FeedRunnersState): number | undefined {
  const now = Date.now();
  let wakeAtMs = nextWakeAtMs(settings.runners, health);
  // Up to 0.1.0 a runner was never tried again when its pause ended while it was being disabled.
  if (wakeAtMs !== undefined && wakeAtMs <= now && !patched('wakes a runner that is overdue')) {
    wakeAtMs = nextWakeAtMs(settings.runners, health, now);
  }
  return wakeAtMs === undefined ? undefined : Math.max(1_000, wakeAtMs - now);
}

/** Up to 0.1.0 a `stop` during a feed stopped no runner, and a reload during a stop was lost. */
function shouldEnd({ needsReload, isStopping }: FeedRunnersState, hasStopped: boolean): boolean {
  const isDone = hasStopped && !needsReload;
  return isDone === isStopping || patched(LATE_MESSAGES) ? isDone : isStopping;
}

/**
 * Adjusts all serveRunners to the settings: starts new ones, updates changed ones, and stops
 * removed ones. Returns true when it has stopped all of them for good.
 */
async function feedAll({ state, update }: Fleet): Promise<boolean> {
  const { fed, feedsAll, isStopping } = state();
  const wanted = isStopping ? new Map<string, RunnerFeeding>() : planRunnerFeedings(state());
  const { askAnew } = state();
  update({ askAnew: false, feedsAll: false });
  for (const [key, runnerFeeding] of wanted) {
    if (feedsAll || askAnew || hasChanged(fed[key], runnerFeeding))
      await feed(runnerFeeding, askAnew);
  }
  for (const [key, { workflowId }] of Object.entries(fed)) {
    if (wanted.get(key)?.workflowId !== workflowId) await stopRunner(workflowId);
  }
  const next = [...wanted].map(([key, { workflowId, feeding }]) => [key, { workflowId, feeding }]);
  update({ fed: Object.fromEntries(next) as Record<string, FedRunner> });
  return isStopping;
}

/**
 * Returns the runners by key. GitLab cannot distinguish two entries with one token either, so the
 * last one counts.
 */
function planRunnerFeedings(state: FeedRunnersState): ReadonlyMap<string, RunnerFeeding> {
  const { installation, settings } = state;
  const feedings = planFeedings(state, Date.now());
  const wanted = new Map<string, RunnerFeeding>();
  for (const runner of settings.runners) {
    const feeding = feedings.get(runner.key);
    if (feeding === undefined) continue;
    const workflowId = messages.serveRunnerId(installation, runner);
    wanted.set(runner.key, { workflowId, feeding, runner, installation });
  }
  return wanted;
}

function hasChanged(
  before: FedRunner | undefined,
  { workflowId, feeding }: RunnerFeeding,
): boolean {
  return before?.workflowId !== workflowId || !isSameFeeding(before.feeding, feeding);
}
