/** The clocks of this machine. */
export interface Clock {
  /**
   * Wall clock, in milliseconds. People and time servers may set it, even by an hour, so never
   * measure with it.
   */
  nowMs(): number;
  /**
   * Clock for measuring, in milliseconds. It only grows, also from one process to the next, and
   * restarts with the machine.
   */
  monotonicMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
