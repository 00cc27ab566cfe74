import type { Refusal } from './faults.ts';
import type { EngineTiming } from './timing.ts';

/**
 * How long an answer 500 that comes back the same is taken for one that passes. `short`: nothing is
 * lost but this stage. `long`: something runs, or would be left behind. `endless`: whoever asks has an
 * end of their own.
 */
export type Patience = 'short' | 'long' | 'endless';

export interface PatientCall {
  readonly method: string;
  readonly path: string;
  readonly doing: string;
  readonly patience?: Patience;
}

/** What the daemon has answered by 500 lately, call by call. */
export interface SameAnswers {
  /** Counts an answer; tells whether it has come the same so often and for so long that it will stay so. */
  isLasting(call: PatientCall, refusal: Refusal): boolean;
  /** Something else came of the call. */
  forget(call: PatientCall): void;
}

interface Known {
  readonly words: string;
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly times: number;
}

/** Calls whose callers are gone are not remembered for ever. */
const MAX_KNOWN = 1_000;
const FORGOTTEN_AFTER_MS = 120_000;

export function createSameAnswers(
  { sameAnswers }: Pick<EngineTiming, 'sameAnswers'>,
  nowMs: () => number = () => performance.now(),
): SameAnswers {
  const known = new Map<string, Known>();
  const keyOf = ({ method, path, doing }: PatientCall): string => `${method} ${path} ${doing}`;
  return {
    isLasting: (call, { status, message }) => {
      const key = keyOf(call);
      if (status !== 500) {
        known.delete(key);
        return false;
      }
      const now = next(known.get(key), { words: withoutNumbers(message), nowMs: nowMs() });
      known.delete(key); // to the end
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
  before: Known | undefined,
  { words, nowMs }: { readonly words: string; readonly nowMs: number },
): Known {
  const isSame = before?.words === words && nowMs - before.lastMs < FORGOTTEN_AFTER_MS;
  return isSame
    ? { ...before, lastMs: nowMs, times: before.times + 1 }
    : { words, sinceMs: nowMs, lastMs: nowMs, times: 1 };
}

function patienceOf({ method, patience }: PatientCall): Patience {
  return patience ?? (method === 'DELETE' ? 'long' : 'short');
}

/** Ids, addresses and times may differ in answers that say the same. */
function withoutNumbers(message: string): string {
  return message.replace(/[0-9a-f]{8,}|\d+/gi, '#');
}
