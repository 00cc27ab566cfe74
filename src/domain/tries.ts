/** How one try has ended. */
export type TryEnd<T> =
  | { readonly kind: 'answered'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown };

/** The facts when a try has ended. */
export interface TriesSoFar {
  /** Tries made so far, at least 1. */
  readonly made: number;
  /** Milliseconds of all pauses so far. */
  readonly waitedMs: number;
}

/** Decides when to try again, and how to wait until then. */
export interface RetryPolicy<T> {
  /** Returns the milliseconds until the next try; undefined when the end of this try is final. */
  nextMs(end: TryEnd<T>, soFar: TriesSoFar): number | undefined;
  /** Called before each pause. */
  onRetry?(end: TryEnd<T>, made: number): void | Promise<void>;
  /**
   * Waits. After it has returned false, no other try is made. An error that it throws ends the
   * tries as well.
   */
  pause(ms: number): Promise<boolean>;
}

/**
 * Makes a request until its end is final. Returns its value, or throws its error. `request` gets
 * the number of the try, from 1.
 */
export async function inTries<T>(
  request: (number: number) => Promise<T>,
  policy: RetryPolicy<T>,
): Promise<T> {
  let waitedMs = 0;
  for (let made = 1; ; made += 1) {
    const end = await endOf(request(made));
    const pauseMs = policy.nextMs(end, { made, waitedMs });
    if (pauseMs === undefined) return take(end);
    await policy.onRetry?.(end, made);
    if (!(await policy.pause(pauseMs))) return take(end);
    waitedMs += pauseMs;
  }
}

/** A number of tries with pauses between them. */
export interface TryLimits {
  /** Number of tries, including the first. */
  readonly most: number;
  /** Milliseconds between two tries, also as a function of the tries made so far. */
  readonly pauseMs: number | ((made: number) => number);
}

/** Tries again after each end that may pass, until the tries are used up. */
export function upTo<T>(
  { most, pauseMs }: TryLimits,
  mayPass: (end: TryEnd<T>) => boolean,
): RetryPolicy<T>['nextMs'] {
  return (end, { made }) => {
    if (!mayPass(end) || made >= most) return undefined;
    return typeof pauseMs === 'number' ? pauseMs : pauseMs(made);
  };
}

async function endOf<T>(result: Promise<T>): Promise<TryEnd<T>> {
  try {
    return { kind: 'answered', value: await result };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

function take<T>(end: TryEnd<T>): T {
  if (end.kind === 'answered') return end.value;
  throw end.error;
}
