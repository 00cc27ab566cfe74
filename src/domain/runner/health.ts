/** When a runner whose token is refused rests, and for how long. */
export interface HealthLimits {
  /** Refusals in a row. */
  readonly unhealthyRequestsLimit: number;
  readonly unhealthyIntervalMs: number;
}

/** How often in a row the coordinator has refused a runner's token, and when it last did not. */
export interface RunnerHealth {
  readonly failures: number;
  readonly lastHealthyMs: number;
}

/**
 * Health after a report. A runner reports each refusal, and its recovery once: when it is refused
 * for the first time in a row it was healthy until just now. Only a refused token counts against a runner: an outage does not, so that
 * it asks again at once when GitLab is back. Source: gitlab-runner `commands/health_helper.go`.
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

/** Whether a runner rests: refused too often in a row, and its rest is not over. */
export function isDisabled(
  health: RunnerHealth | undefined,
  runner: HealthLimits,
  nowMs: number,
): boolean {
  if (health === undefined || health.failures < runner.unhealthyRequestsLimit) return false;
  return nowMs < health.lastHealthyMs + runner.unhealthyIntervalMs;
}

/** After its rest a runner is tried once more, as if it were new. */
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

/** When the next resting runner may be tried again; undefined when none rests. */
export function nextWakeAtMs(
  runners: readonly (HealthLimits & { readonly key: string })[],
  health: Readonly<Record<string, RunnerHealth>>,
  nowMs: number,
): number | undefined {
  const wakes = runners
    .filter((runner) => isDisabled(health[runner.key], runner, nowMs))
    .map((runner) => (health[runner.key]?.lastHealthyMs ?? nowMs) + runner.unhealthyIntervalMs);
  return wakes.length === 0 ? undefined : Math.min(...wakes);
}
