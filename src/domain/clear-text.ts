// A key is used and not a class, because workflows and the process that runs them each have their
// own copy of a class.
const CLEAR_VALUE = Symbol.for('temporal-gitlab-runner.clear-value');
const CLEAR_MESSAGE = Symbol.for('temporal-gitlab-runner.clear-message');

/** A value that leaves the program in a form that everybody who sees Temporal can read. */
interface ClearValue {
  readonly [CLEAR_VALUE]: unknown;
}

/**
 * Marks a value that Temporal and its UI may show in the clear. The payload converter knows the
 * mark, and the codec encrypts all values without one. Use it only for values without a variable, a
 * token, a line of log or a commit message.
 */
export function clearValue<T>(value: T): T {
  // The SDK passes the value on, whatever its type is. Only the converter looks into it.
  return { [CLEAR_VALUE]: value } satisfies ClearValue as T;
}

/** Returns the marked value; undefined when the value was not marked. */
export function readClearValue(value: unknown): { readonly value: unknown } | undefined {
  if (typeof value !== 'object' || value === null || !(CLEAR_VALUE in value)) return undefined;
  return { value: value[CLEAR_VALUE] };
}

/**
 * Marks an error whose message may be read by everybody who sees Temporal. The details of the error
 * stay encrypted.
 */
export function withClearMessage<T extends Error>(error: T): T {
  return Object.defineProperty(error, CLEAR_MESSAGE, { value: true });
}

/** Whether the message of this error was marked by {@link withClearMessage}. */
export function hasClearMessage(error: unknown): error is Error {
  return error instanceof Error && CLEAR_MESSAGE in error;
}
