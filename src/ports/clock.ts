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
  /**
   * Identifies the boot of the machine, from which `monotonicMs` counts. Absent where the machine
   * does not tell it.
   */
  readonly boot?: string | undefined;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
