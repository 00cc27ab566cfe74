/** When a runner whose token is refused is disabled, and for how long. */
export interface HealthLimits {
  /** Number of consecutive refusals. */
  readonly unhealthyRequestsLimit: number;
  readonly unhealthyIntervalMs: number;
}

/**
 * How many consecutive times the coordinator refused a runner's token, and when it last accepted
 * it.
 */
export interface RunnerHealth {
  readonly failures: number;
  readonly lastHealthyMs: number;
}

/**
 * Returns the health after a report. A runner reports each refusal, and its recovery once; at its
 * first refusal it was healthy until then. Only a refused token counts: after an outage a runner
 * asks again at once. Source: gitlab-runner `commands/health_helper.go`.
 */
export function updateHealth(
  health: RunnerHealth | undefined,
  isHealthy: boolean,
  nowMs: number,
): RunnerHealth {
  if (isHealthy) return { failures: 0, lastHealthyMs: nowMs };
  if (health === undefined || health.failures === 0) return { failures: 1, lastHealthyMs: nowMs };
  return { failures: health.failures + 1, lastHealthyMs: health.lastHealthyMs };
}

/** Whether a runner is disabled: it was refused too often in a row, and the pause has not ended. */
export function isDisabled(
  health: RunnerHealth | undefined,
  runner: HealthLimits,
  nowMs: number,
): boolean {
  if (health === undefined || health.failures < runner.unhealthyRequestsLimit) return false;
  return nowMs < health.lastHealthyMs + runner.unhealthyIntervalMs;
}

/** Returns the health after the pause: a runner is tried once more, with a clean record. */
export function wakeHealth(
  health: RunnerHealth | undefined,
  runner: HealthLimits,
  nowMs: number,
): RunnerHealth | undefined {
  const isRestOver =
    health !== undefined &&
    health.failures >= runner.unhealthyRequestsLimit &&
    !isDisabled(health, runner, nowMs);
  return isRestOver ? { failures: 0, lastHealthyMs: nowMs } : health;
}

/**
 * Returns when the next disabled runner may be tried again, in milliseconds of the wall clock;
 * undefined when none is disabled. A moment that has already passed counts too, because the runner
 * stays disabled until `wakeHealth` has been called: only moments up to `afterMs` are left out.
 */
export function nextWakeAtMs(
  runners: readonly (HealthLimits & { readonly key: string })[],
  health: Readonly<Record<string, RunnerHealth>>,
  afterMs = -Infinity,
): number | undefined {
  const wakes = runners.flatMap((runner) => {
    const known = health[runner.key];
    if (known === undefined || !isDisabled(known, runner, afterMs)) return [];
    return [known.lastHealthyMs + runner.unhealthyIntervalMs];
  });
  return wakes.length === 0 ? undefined : Math.min(...wakes);
}
