import assert from 'node:assert/strict';

/** Far above what linear work takes, and below what worse work takes in tests. */
const LIMIT_MS = 200;

/**
 * Runs work of linear time. Fails when it takes so much CPU that its cost must grow faster. Other
 * work on the machine does not count.
 */
export function assertQuick<T>(work: () => T): T {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  const tookMs = (user + system) / 1_000;
  assert.ok(tookMs < LIMIT_MS, `it took ${Math.round(tookMs)} ms of CPU`);
  return result;
}
