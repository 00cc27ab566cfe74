// By key and not by class: workflows and the process that runs them have each their own copy of a class.
const CLEAR_VALUE = Symbol.for('temporal-gitlab-runner.clear-value');
const CLEAR_MESSAGE = Symbol.for('temporal-gitlab-runner.clear-message');

/** What leaves the program readable for everybody who sees Temporal, unlike all else. */
interface ClearValue {
  readonly [CLEAR_VALUE]: unknown;
}

/**
 * Marks a value that Temporal and its UI may show in the clear. The payload converter knows the mark,
 * and the codec encrypts whatever has none. Only for what holds no variable, token, line of log or
 * commit message.
 */
export function clearValue<T>(value: T): T {
  // The SDK hands on what it is given, whatever its type: only the converter looks into it.
  return { [CLEAR_VALUE]: value } satisfies ClearValue as T;
}

/** What was marked; undefined when nothing was. */
export function readClearValue(value: unknown): { readonly value: unknown } | undefined {
  if (typeof value !== 'object' || value === null || !(CLEAR_VALUE in value)) return undefined;
  return { value: value[CLEAR_VALUE] };
}

/** Marks an error whose message may be read by everybody who sees Temporal. Its details stay encrypted. */
export function withClearMessage<T extends Error>(error: T): T {
  return Object.defineProperty(error, CLEAR_MESSAGE, { value: true });
}

/** Whether the message of this error was marked by {@link withClearMessage}. */
export function hasClearMessage(error: unknown): error is Error {
  return error instanceof Error && CLEAR_MESSAGE in error;
}
