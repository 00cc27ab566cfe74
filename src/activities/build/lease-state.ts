/** What this process knows about its claim to a build. */
export interface LeaseState {
  /** When Temporal last confirmed the lease, by both clocks of this node. */
  confirmedAt: Moment;
  isLost: boolean;
  /** True: the build does not move before `Ports.nodeWaitMs` has passed. */
  hasBegunScript: boolean;
}

interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/** The lease was not confirmed yet. */
export const NEVER: Moment = { nowMs: -Infinity, monotonicMs: -Infinity };

export function openLease(): LeaseState {
  return { confirmedAt: NEVER, isLost: false, hasBegunScript: false };
}
