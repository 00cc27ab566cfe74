import type { LeaseStanding } from '../domain/build/lease.ts';
import type { BuildContext } from '../domain/context/context.ts';

/** Tells which node has a build now, according to the build's workflow. */
export interface Leases {
  /** Throws TransientError when Temporal does not answer within a few seconds. */
  confirm(context: BuildContext): Promise<LeaseStanding>;
}
