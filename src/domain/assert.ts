/**
 * Throws when an invariant is broken. A broken invariant is a bug, which must be fixed and never
 * caught.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
