import { isDisabled, type HealthLimits, type RunnerHealth } from './health.ts';

/** What workflows know of config.toml: everything that steers, nothing that is secret. */
export interface FleetSettings {
  readonly checkIntervalMs: number;
  /** Builds alive on one node. Decided by the node itself; here to be seen. */
  readonly concurrent: number;
  readonly runners: readonly RunnerSettings[];
}

export interface RunnerSettings extends HealthLimits {
  readonly key: string;
  readonly name: string;
  /** 0 is no limit. */
  readonly limit: number;
  readonly requestConcurrency: number;
}

/** What `feedRunners` tells a runner: whether and at what pace it may ask for jobs. */
export interface Feeding {
  readonly isFed: boolean;
  readonly intervalMs: number;
  /** Spreads the runners' requests evenly over the interval. */
  readonly offsetMs: number;
  readonly limit: number;
  readonly requestConcurrency: number;
  readonly mayWait: boolean;
}

/** Whether what somebody has sent is one. */
export function isFeeding(sent: unknown): sent is Feeding {
  const { isFed, intervalMs, offsetMs, limit, requestConcurrency, mayWait } = (sent ??
    {}) as Partial<Feeding>;
  return (
    [isFed, mayWait].every((value) => typeof value === 'boolean') &&
    [intervalMs, offsetMs, limit, requestConcurrency].every((value) => Number.isFinite(value))
  );
}

export interface FleetState {
  readonly settings: FleetSettings;
  readonly health: Readonly<Record<string, RunnerHealth>>;
  readonly paused: readonly string[];
  readonly isDraining: boolean;
}

/**
 * Feedings of all runners, by key. Runners are spaced over `check_interval` in the order of the
 * file. Source: gitlab-runner `commands/multi.go` feedRunners.
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
 * Whether GitLab may hold this runner's request open. A held request holds a slot; so it may only
 * where the other runners, with all their limits used up, still leave this one a slot of its own.
 * Unlike gitlab-runner, waiting for a job never costs another runner's job its place (ADR 7).
 */
export function mayWait(settings: FleetSettings, runner: RunnerSettings): boolean {
  const demand = settings.runners
    .filter((other) => other.key !== runner.key)
    .reduce((sum, other) => sum + (other.limit > 0 ? other.limit : Infinity), 0);
  const ownDemand = demand === 0 ? 0 : runner.limit > 0 ? runner.limit : Infinity;
  return demand + ownDemand <= settings.concurrent;
}

/**
 * When a runner asks next, in milliseconds of the wall clock: the first moment after `nowMs` that is
 * a multiple of the interval plus the offset.
 */
export function nextRequestAtMs(
  nowMs: number,
  pace: { readonly intervalMs: number; readonly offsetMs: number },
): number {
  const turns = Math.floor((nowMs - pace.offsetMs) / pace.intervalMs) + 1;
  return turns * pace.intervalMs + pace.offsetMs;
}

const RAISE_BY_JOB = 1.1;

/**
 * How many requests a runner may have open, as a fraction to be rounded up, after one brought a job
 * or after a turn of requests brought none: from 1 up to `request_concurrency`, and back at once,
 * so that an idle runner asks one request at a time.
 * Source: gitlab-runner FF_USE_ADAPTIVE_REQUEST_CONCURRENCY, which falls by 5 % a request.
 */
export function adaptRequestLimit(
  limit: number,
  answer: { readonly hasJob: boolean; readonly requestConcurrency: number },
): number {
  return answer.hasJob ? Math.min(limit * RAISE_BY_JOB, answer.requestConcurrency) : 1;
}

/** Whether two feedings ask the same requests at the same moments. */
export function isSamePace(a: Feeding, b: Feeding): boolean {
  return a.intervalMs === b.intervalMs && a.offsetMs === b.offsetMs && a.mayWait === b.mayWait;
}

export function isSameFeeding(a: Feeding, b: Feeding): boolean {
  return (
    isSamePace(a, b) &&
    a.isFed === b.isFed &&
    a.limit === b.limit &&
    a.requestConcurrency === b.requestConcurrency
  );
}
