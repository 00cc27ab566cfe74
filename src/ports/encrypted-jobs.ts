import type { BuildContext } from '../domain/context/context.ts';
import type { FailoverPlan } from '../domain/context/failover.ts';

/** Builds' contexts in a form that only the nodes of this fleet can read. */
export interface EncryptedJobs {
  /** undefined when not even the least of it can be carried. */
  seal(context: BuildContext): Omit<FailoverPlan, 'waitMs'> | undefined;
  /** Fails when it was not sealed by a node that has our key. */
  open(sealedJob: string): BuildContext;
}
