/** Permits to ask for and run builds: `concurrent` − builds alive − requests in flight. */
export interface NodeCapacity {
  /** Waits until this node could run one more build, and holds its place. Rejects when aborted. */
  acquire(signal: AbortSignal): Promise<CapacityPermit>;
  /** A build has ended: its place is free. */
  free(buildId: string): void;
}

export interface CapacityPermit {
  /**
   * Others may have the place while GitLab's answer is waited for. A build that comes of it all the
   * same has one, be it one more than there are.
   */
  lend(): void;
  /** The place stays taken, by this build, until `free`. */
  keepFor(buildId: string): void;
  /** Gives the place back. Idempotent, and nothing after `keepFor`. */
  release(): void;
}
