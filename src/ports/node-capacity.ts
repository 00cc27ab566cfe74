/** Permits to ask for and run builds: `concurrent` − builds alive − requests in flight. */
export interface NodeCapacity {
  /**
   * Waits until this node can run one more build, and reserves a place for it. Rejects when
   * aborted.
   */
  acquire(signal: AbortSignal): Promise<CapacityPermit>;
  /** Releases the place of a build that has ended. */
  free(buildId: string): void;
}

/** A reserved place for one build. */
export interface CapacityPermit {
  /**
   * Lets others use the place while GitLab's answer is pending. If a job comes nevertheless, its
   * build gets a place even above the limit.
   */
  lend(): void;
  /** Keeps the place for this build until it is given back by `free`. */
  keepFor(buildId: string): void;
  /** Returns the place. May be called repeatedly, and has no effect after `keepFor`. */
  release(): void;
}
