/** Whether Temporal, which runs the builds' workflows, is available. */
export interface TemporalHealth {
  /** Whether a build can start now. While it cannot, a job that was taken would only wait here. */
  isThere(): Promise<boolean>;
}
