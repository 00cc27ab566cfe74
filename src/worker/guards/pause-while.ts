import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import { oneAtATime } from '../recovery/one-at-a-time.ts';

export type PausableCapacity = Pick<ResizableCapacity, 'pause' | 'unpause'>;

export interface PauseWatch {
  /** The name of the pause among those of other watches. */
  readonly reason: string;
  /** What counts until a look has not failed. */
  readonly initial?: string | undefined;
  /** The time between two looks. */
  readonly intervalMs: number;
  /** Returns why no job may be taken now, in a word; undefined when jobs may be taken. */
  readonly look: () => Promise<string | undefined>;
  /** Logs each change. */
  readonly tell: (why: string | undefined) => void;
  /** Logs a look that has failed. The last answer counts on. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Pauses job requests while `look` finds a reason. Resolves after the first look with a function
 * that stops watching.
 */
export async function pauseWhile(
  capacity: PausableCapacity,
  { reason, initial, intervalMs, look, tell, onFault }: PauseWatch,
): Promise<() => Promise<void>> {
  let last: string | undefined;
  const become = (why: string | undefined): void => {
    if (why === last) return;
    last = why;
    if (why === undefined) capacity.unpause(reason);
    else capacity.pause(reason);
    tell(why);
  };
  const lookQuietly = oneAtATime(() => look().then(become).catch(onFault));
  become(initial);
  await lookQuietly();
  const timer = setInterval(() => void lookQuietly(), intervalMs);
  return () => {
    clearInterval(timer);
    return Promise.resolve();
  };
}
