/**
 * Runs everything concurrently and returns when all of it has ended. The first failure aborts the
 * signal for the rest and is thrown, so that nothing continues unnoticed.
 */
export async function together(
  outer: AbortSignal,
  tasks: readonly ((signal: AbortSignal) => Promise<unknown>)[],
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const failures: unknown[] = [];
  await Promise.all(
    tasks.map(async (task) => {
      try {
        await task(signal);
      } catch (error) {
        failures.push(error);
        failed.abort(error);
      }
    }),
  );
  if (failures.length > 0) throw failures[0];
}
