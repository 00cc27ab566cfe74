import type { BuildContext } from '../domain/context/context.ts';
import type { FailoverPlan } from '../domain/context/failover.ts';

/** Encrypts contexts of builds so that only the nodes of this fleet can read them. */
export interface EncryptedJobs {
  /** Returns undefined when even the reduced context is too large. */
  encrypt(context: BuildContext): Omit<FailoverPlan, 'waitMs'> | undefined;
  /** Throws when the context was not encrypted with this fleet's key. */
  decrypt(sealedJob: string): BuildContext;
}
