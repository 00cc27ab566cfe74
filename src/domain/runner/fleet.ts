import { isDisabled, type HealthLimits, type RunnerHealth } from './health.ts';

/**
 * The part of config.toml that workflows know. It is everything that they need for their decisions,
 * and nothing secret.
 */
export interface FleetSettings {
  readonly checkIntervalMs: number;
  /**
   * The greatest number of builds on one node. The node itself enforces it; here it is for display.
   */
  readonly concurrent: number;
  readonly runners: readonly RunnerSettings[];
}

/** The part of a `[[runners]]` entry that workflows know. Nothing in it is secret. */
export interface RunnerSettings extends HealthLimits {
  readonly key: string;
  readonly name: string;
  /** 0 means no limit. */
  readonly limit: number;
  readonly requestConcurrency: number;
}

/**
 * Name of the signal by which a node tells a runner's workflow that a build of it has ended. Its
 * only argument is the build's id.
 */
export const BUILD_ENDED_SIGNAL = 'buildEnded';

/** What `feedRunners` sends to a runner: whether and how often it may ask for jobs. */
export interface Feeding {
  readonly isFed: boolean;
  readonly intervalMs: number;
  /** Spreads the runners' requests evenly over the interval, in milliseconds. */
  readonly offsetMs: number;
  readonly limit: number;
  readonly requestConcurrency: number;
  readonly mayWait: boolean;
}

/** Whether a value of unknown origin is a feeding. */
export function isFeeding(sent: unknown): sent is Feeding {
  const { isFed, intervalMs, offsetMs, limit, requestConcurrency, mayWait } = (sent ??
    {}) as Partial<Feeding>;
  return (
    [isFed, mayWait].every((value) => typeof value === 'boolean') &&
    [intervalMs, offsetMs, limit, requestConcurrency].every((value) => Number.isFinite(value))
  );
}

/** What the commands `drain` and `pause` have left in force on a node, until `resume`. */
export interface Standing {
  readonly isDraining: boolean;
  /** The keys of paused runners. */
  readonly paused: readonly string[];
}

/** The standing of a node without a drain and without a pause. */
export const UNRESTRICTED: Standing = { isDraining: false, paused: [] };

/** Reads a value of unknown origin. What it lacks is not in force. */
export function parseStanding(noted: unknown): Standing {
  const { isDraining, paused } = (noted ?? {}) as Partial<Record<keyof Standing, unknown>>;
  const keys: readonly unknown[] = Array.isArray(paused) ? paused : [];
  return {
    isDraining: isDraining === true,
    paused: keys.filter((key): key is string => typeof key === 'string'),
  };
}

/** Whether two standings have the same paused runners, in the same order. */
export function hasSamePauses(a: Pick<Standing, 'paused'>, b: Pick<Standing, 'paused'>): boolean {
  return (
    a.paused.length === b.paused.length && a.paused.every((key, index) => key === b.paused[index])
  );
}

/** Whether two standings are equal, with their paused runners in the same order. */
export function isSameStanding(a: Standing, b: Standing): boolean {
  return a.isDraining === b.isDraining && hasSamePauses(a, b);
}

/** The settings of all runners, and the health of each by its key. */
export interface FleetState extends Standing {
  readonly settings: FleetSettings;
  readonly health: Readonly<Record<string, RunnerHealth>>;
}

/**
 * Plans the feedings of all runners, by key. The runners' requests are spread over `check_interval`
 * in the order of the file. Source: gitlab-runner `commands/multi.go` feedRunners.
 */
export function planFeedings(state: FleetState, nowMs: number): ReadonlyMap<string, Feeding> {
  const { settings, health, paused, isDraining } = state;
  const count = settings.runners.length;
  return new Map(
    settings.runners.map((runner, index) => [
      runner.key,
      {
        isFed:
          !isDraining &&
          !paused.includes(runner.key) &&
          !isDisabled(health[runner.key], runner, nowMs),
        intervalMs: settings.checkIntervalMs,
        offsetMs: Math.floor((settings.checkIntervalMs * index) / count),
        limit: runner.limit,
        requestConcurrency: runner.requestConcurrency,
        mayWait: mayWait(settings, runner),
      },
    ]),
  );
}

/**
 * Whether GitLab may hold this runner's request open. A held request occupies a slot, so it is
 * allowed only when a slot remains for this runner even with all other runners at their limits.
 * Unlike in gitlab-runner, waiting for a job never costs another runner its slot (ADR 7).
 */
export function mayWait(settings: FleetSettings, runner: RunnerSettings): boolean {
  const demand = settings.runners
    .filter((other) => other.key !== runner.key)
    .reduce((sum, other) => sum + (other.limit > 0 ? other.limit : Infinity), 0);
  const ownDemand = demand === 0 ? 0 : runner.limit > 0 ? runner.limit : Infinity;
  return demand + ownDemand <= settings.concurrent;
}

/**
 * Returns when a runner asks next, in milliseconds of the wall clock: the first moment after
 * `nowMs` that is a multiple of the interval plus the offset.
 */
export function nextRequestAtMs(
  nowMs: number,
  pace: { readonly intervalMs: number; readonly offsetMs: number },
): number {
  const intervals = Math.floor((nowMs - pace.offsetMs) / pace.intervalMs) + 1;
  return intervals * pace.intervalMs + pace.offsetMs;
}

const RAISE_BY_JOB = 1.1;

/**
 * Returns the new limit of a runner's open requests, after a request brought a job or a round of
 * requests brought none. The limit is a fraction to be rounded up, from 1 to `request_concurrency`.
 * It falls at once, so that an idle runner sends one request at a time. Source: gitlab-runner
 * FF_USE_ADAPTIVE_REQUEST_CONCURRENCY, which falls by 5 % for each request.
 */
export function adaptRequestLimit(
  limit: number,
  answer: { readonly hasJob: boolean; readonly requestConcurrency: number },
): number {
  return answer.hasJob ? Math.min(limit * RAISE_BY_JOB, answer.requestConcurrency) : 1;
}

/** Whether two feedings lead to the same requests at the same moments. */
export function isSamePace(a: Feeding, b: Feeding): boolean {
  return a.intervalMs === b.intervalMs && a.offsetMs === b.offsetMs && a.mayWait === b.mayWait;
}

/** Whether two feedings have the same meaning for a runner. */
export function isSameFeeding(a: Feeding, b: Feeding): boolean {
  return (
    isSamePace(a, b) &&
    a.isFed === b.isFed &&
    a.limit === b.limit &&
    a.requestConcurrency === b.requestConcurrency
  );
}
