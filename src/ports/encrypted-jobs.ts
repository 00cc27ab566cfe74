import type { BuildContext } from '../domain/context/context.ts';
import type { FailoverPlan } from '../domain/context/failover.ts';

/** Contexts of builds, encrypted so that only the nodes of this fleet can read them. */
export interface EncryptedJobs {
  /** undefined when even the reduced context is too large. */
  encrypt(context: BuildContext): Omit<FailoverPlan, 'waitMs'> | undefined;
  /** Throws when it was not encrypted with this fleet's key. */
  decrypt(sealedJob: string): BuildContext;
}
