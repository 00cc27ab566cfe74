/** Permits to ask for and run builds: `concurrent` − builds alive − requests in flight. */
export interface NodeCapacity {
  /**
   * Waits until this node can run one more build, and reserves a slot for it. If a runner is given,
   * waits for its limit too, and while it is paused here. Rejects when aborted.
   */
  acquire(signal: AbortSignal, limit?: RunnerLimit): Promise<CapacityPermit>;
  /** Whether one more request of the runner is within its limit, even if all bring a job. */
  isWithin(limit: RunnerLimit): boolean;
  /** Releases the slot of a build that has ended. */
  free(buildId: string): void;
}

/** How many builds of one runner this node may run, together with requests for more. */
export interface RunnerLimit {
  readonly runnerKey: string;
  /** 0 means no limit. */
  readonly limit: number;
}

/** A reserved slot for one build. */
export interface CapacityPermit {
  /**
   * Lets others use the slot while GitLab's answer is pending. If a job comes nevertheless, its
   * build gets a slot even above the limit.
   */
  lend(): void;
  /** Keeps the slot for this build of the runner until it is given back by `free`. */
  keepFor(buildId: string, runnerKey: string): void;
  /** Returns the slot. May be called repeatedly, and has no effect after `keepFor`. */
  release(): void;
}
