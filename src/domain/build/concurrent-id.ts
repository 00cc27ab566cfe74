/**
 * Returns the smallest number from 0 that is not taken. Source: gitlab-runner
 * `commands/builds_helper.go`.
 */
export function smallestFree(taken: readonly number[]): number {
  const set = new Set(taken);
  let id = 0;
  while (set.has(id)) id += 1;
  return id;
}
