import { planPullDelayMs } from '../../domain/executor/pull-policy.ts';

/** Every limit and pause of the engine, in one place. Tests use shorter ones. */
export interface EngineTiming {
  /** Limit for a call that Docker answers from memory or by one quick action. */
  readonly callLimitMs: number;
  /** Limit for a call that may have to copy or delete files: create, remove, archive. */
  readonly slowCallLimitMs: number;
  /**
   * Time from SIGTERM to SIGKILL. The processes of a container also get this time before PID 1 is
   * asked to stop.
   */
  readonly stopGraceMs: number;
  /**
   * A wait is repeated after this long, because a half-open connection would never report the end.
   */
  readonly waitCallMs: number;
  /** A pull without progress for this long is aborted. */
  readonly pullIdleMs: number;
  /** A transfer of files without movement for this long is aborted. */
  readonly transferIdleMs: number;
  /**
   * An identical answer 500 is final after this many times, and after a time that depends on the
   * call.
   */
  readonly sameAnswers: {
    readonly times: number;
    readonly shortMs: number;
    readonly longMs: number;
  };
  readonly pullDelayMs: (triesMade: number) => number;
  readonly reconnectDelayMs: (failures: number) => number;
}

export const DEFAULT_TIMING: EngineTiming = {
  callLimitMs: 60_000,
  slowCallLimitMs: 300_000,
  stopGraceMs: 10_000,
  waitCallMs: 300_000,
  pullIdleMs: 600_000,
  transferIdleMs: 300_000,
  // A daemon whose containerd restarts gives the same answer for some seconds.
  sameAnswers: { times: 5, shortMs: 12_000, longMs: 300_000 },
  pullDelayMs: (triesMade) => planPullDelayMs(triesMade, Math.random()),
  reconnectDelayMs: (failures) => Math.min(10_000, 250 * 2 ** failures),
};
