import assert from 'node:assert/strict';

/** Far above what linear work takes on a busy machine, and below what worse work takes in tests. */
const LIMIT_MS = 200;

/** Runs work of linear time. Fails when it takes so long that its time must grow faster. */
export function assertQuick<T>(work: () => T): T {
  const beganMs = performance.now();
  const result = work();
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs < LIMIT_MS, `it took ${Math.round(tookMs)} ms`);
  return result;
}
