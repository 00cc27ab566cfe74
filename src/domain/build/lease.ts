/** A node's claim to a build: what its own record says. */
export interface Claim {
  readonly nodeQueue: string;
  /** 0 unless the build was taken over from another node. */
  readonly term: number;
}

/**
 * `held`: the build is this node's. `pending`: it was taken over, and its workflow does not know yet.
 * `lost`: another node has it.
 */
export type LeaseStanding = 'held' | 'pending' | 'lost';

/**
 * Whose a build is, by what its workflow keeps in its memo. A build of which nothing is said stays
 * where it is.
 */
export function judgeLease(
  memo: Readonly<Record<string, unknown>> | undefined,
  claim: Claim,
): LeaseStanding {
  const owner = memo?.['nodeQueue'];
  if (typeof owner !== 'string' || owner === claim.nodeQueue) return 'held';
  const term = memo?.['term'];
  return claim.term > (typeof term === 'number' ? term : 0) ? 'pending' : 'lost';
}
