/** The value that `share` (0…1) of all are not above, by the nearest rank; undefined of none. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** Middle and upper end of what many builds have waited, in seconds. */
export interface WaitSummary {
  readonly count: number;
  readonly medianSeconds?: number | undefined;
  readonly p95Seconds?: number | undefined;
}

/** Summary of waits, in seconds. Both values are undefined when there are none. */
export function summarizeWaits(seconds: readonly number[]): WaitSummary {
  return {
    count: seconds.length,
    medianSeconds: percentile(seconds, 0.5),
    p95Seconds: percentile(seconds, 0.95),
  };
}
