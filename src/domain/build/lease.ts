import type { BuildContext } from '../context/context.ts';

/** A node's claim to a build, according to its own record. */
export interface Claim {
  readonly nodeQueue: string;
  /** How often the build has changed nodes. 0 unless it was taken over from another node. */
  readonly fencingToken: number;
}

/**
 * `held`: the build belongs to this node. `pending`: this node has taken it over, but the workflow
 * does not know yet. `lost`: another node has it.
 */
export type LeaseStanding = 'held' | 'pending' | 'lost';

/** A run of a build's workflow. */
export interface BuildRun {
  readonly isRunning: boolean;
  /** By Temporal's clock. */
  readonly startedAtMs: number;
  readonly memo: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Whether a run belongs to an earlier offer of a job that GitLab has taken back and handed out once
 * more: nobody has the new build then but the node with its record. A build that has ever moved is
 * not of this kind, because the clock of the node that lost it may be wrong.
 */
export function isOfEarlierOffer(
  { isRunning, startedAtMs, memo }: BuildRun,
  { receivedAtMs, adoption }: Pick<BuildContext, 'receivedAtMs' | 'adoption'>,
): boolean {
  const hasMoved = adoption !== undefined || memo?.['term'] !== undefined;
  return !isRunning && !hasMoved && startedAtMs < receivedAtMs;
}

/**
 * Decides which node has a build, by the memo of its workflow. Without a memo the build stays on
 * its node.
 */
export function judgeLease(
  memo: Readonly<Record<string, unknown>> | undefined,
  claim: Claim,
): LeaseStanding {
  const owner = memo?.['nodeQueue'];
  if (typeof owner !== 'string' || owner === claim.nodeQueue) return 'held';
  const term = memo?.['term'];
  return claim.fencingToken > (typeof term === 'number' ? term : 0) ? 'pending' : 'lost';
}
