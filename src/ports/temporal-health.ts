/** Whether Temporal, which runs the builds' workflows, is available. */
export interface TemporalHealth {
  /** Whether a build can start now. A job taken while it cannot would only wait here. */
  isThere(): Promise<boolean>;
}
