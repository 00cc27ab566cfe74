/**
 * Returns the value that a `share` (0…1) of all values do not exceed, by the nearest rank;
 * undefined when there are no values.
 */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** Median and upper end of the waits of many builds, in seconds. */
export interface WaitSummary {
  readonly count: number;
  readonly medianSeconds?: number | undefined;
  readonly p95Seconds?: number | undefined;
}

/** Sums up waits, in seconds. Both values are undefined when there are none. */
export function summarizeWaits(seconds: readonly number[]): WaitSummary {
  return {
    count: seconds.length,
    medianSeconds: percentile(seconds, 0.5),
    p95Seconds: percentile(seconds, 0.95),
  };
}
