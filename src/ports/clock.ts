export interface Clock {
  /** What the calendar says. People and time servers set it, also by an hour: never measure by it. */
  nowMs(): number;
  /** For measuring. Only grows, also from one process to the next; begins anew with the machine. */
  monotonicMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
