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
 * Whether a build and a record belong to the same offer of a job, which GitLab may hand out once
 * more. Returns undefined for a build of an earlier release, whose memo does not name the offer:
 * only clocks tell then, and the node's may differ from Temporal's.
 */
export function isOfSameOffer(
  memo: BuildRun['memo'],
  { entropy, adoption }: Pick<BuildContext, 'entropy' | 'adoption'>,
): boolean | undefined {
  // The node that has taken a build over has given its record another entropy.
  if (adoption !== undefined) return true;
  const offer = memo?.['offer'];
  return typeof offer === 'string' ? offer === entropy : undefined;
}

/**
 * Whether a run belongs to an earlier offer of a job that GitLab has taken back and handed out once
 * more: nobody has the new build then but the node with its record. If only the clocks tell, a
 * build that has ever moved does not count, because the clock of the node that lost it may be
 * wrong.
 */
export function isOfEarlierOffer(
  { isRunning, startedAtMs, memo }: BuildRun,
  record: Pick<BuildContext, 'entropy' | 'receivedAtMs' | 'adoption'>,
): boolean {
  if (isRunning) return false;
  const isSame = isOfSameOffer(memo, record);
  if (isSame !== undefined) return !isSame;
  return memo?.['term'] === undefined && startedAtMs < record.receivedAtMs;
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
