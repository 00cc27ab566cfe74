/** Throws when an invariant is broken. A broken invariant is a bug: it is never caught, it is fixed. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
