/** What keeps the builds' workflows. */
export interface TemporalHealth {
  /** Whether a build can be begun now: a job that is taken while it cannot would only wait here. */
  isThere(): Promise<boolean>;
}
