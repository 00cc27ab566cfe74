/** What this process knows of its claim to a build. */
export interface LeaseState {
  /** When Temporal was last asked and said yes, by both of this node's clocks. */
  confirmedAt: Moment;
  isLost: boolean;
  /** A build is not given away then before `Ports.nodeWaitMs` is over. */
  hasBegunScript: boolean;
}

interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/** Before anybody has asked. */
export const NEVER: Moment = { nowMs: -Infinity, monotonicMs: -Infinity };

export function openLease(): LeaseState {
  return { confirmedAt: NEVER, isLost: false, hasBegunScript: false };
}
