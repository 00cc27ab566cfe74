import type { Refusal } from './faults.ts';
import type { EngineTiming } from './timing.ts';

/**
 * How long a repeated, identical answer 500 counts as transient. `short`: only this stage would be
 * lost. `long`: something still runs, or would be left behind. `endless`: the caller has its own
 * limit.
 */
export type Patience = 'short' | 'long' | 'endless';

export interface PatientCall {
  readonly method: string;
  readonly path: string;
  readonly doing: string;
  readonly patience?: Patience;
}

/** The daemon's recent answers 500, by call. */
export interface SameAnswers {
  /**
   * Counts an answer, and returns whether the same one has repeated so often and so long that it
   * will not change.
   */
  isLasting(call: PatientCall, refusal: Refusal): boolean;
  /** Forgets a call that got another answer. */
  forget(call: PatientCall): void;
}

interface RepeatedAnswer {
  readonly message: string;
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly times: number;
}

/** Limits the memory for calls that are never repeated. */
const MAX_KNOWN = 1_000;
const FORGOTTEN_AFTER_MS = 120_000;

export function createSameAnswers(
  { sameAnswers }: Pick<EngineTiming, 'sameAnswers'>,
  nowMs: () => number = () => performance.now(),
): SameAnswers {
  const known = new Map<string, RepeatedAnswer>();
  const keyOf = ({ method, path, doing }: PatientCall): string => `${method} ${path} ${doing}`;
  return {
    isLasting: (call, { status, message }) => {
      const key = keyOf(call);
      if (status !== 500) {
        known.delete(key);
        return false;
      }
      const now = next(known.get(key), { message: withoutNumbers(message), nowMs: nowMs() });
      known.delete(key); // This moves it to the end.
      known.set(key, now);
      const [oldest] = known.keys();
      if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
      const { times, shortMs, longMs } = sameAnswers;
      const limitMs = { short: shortMs, long: longMs, endless: Infinity }[patienceOf(call)];
      return now.times >= times && now.lastMs - now.sinceMs >= limitMs;
    },
    forget: (call) => {
      known.delete(keyOf(call));
    },
  };
}

function next(
  before: RepeatedAnswer | undefined,
  { message, nowMs }: { readonly message: string; readonly nowMs: number },
): RepeatedAnswer {
  const isSame = before?.message === message && nowMs - before.lastMs < FORGOTTEN_AFTER_MS;
  return isSame
    ? { ...before, lastMs: nowMs, times: before.times + 1 }
    : { message, sinceMs: nowMs, lastMs: nowMs, times: 1 };
}

function patienceOf({ method, patience }: PatientCall): Patience {
  return patience ?? (method === 'DELETE' ? 'long' : 'short');
}

/**
 * Removes the numbers of a message, because ids, addresses and times may differ in otherwise
 * identical answers.
 */
function withoutNumbers(message: string): string {
  return message.replace(/[0-9a-f]{8,}|\d+/gi, '#');
}
