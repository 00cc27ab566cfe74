/**
 * Does everything at once and returns when all of it has ended. The first failure aborts the signal
 * that the rest is given, and is thrown: nothing goes on behind the caller's back.
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
