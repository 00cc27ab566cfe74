import type { VaultRequest } from '../domain/secrets/plan-secrets.ts';

/** The store of the jobs' secrets, such as Vault. */
export interface SecretStore {
  /**
   * Reads one secret; undefined when there is none at this place. After some tries it throws
   * RunnerConfiguration (the store refused the request, or found it malformed), ExternalDependency
   * (the store has a fault) or RunnerSystem (there was no answer).
   */
  readSecret(request: VaultRequest, options: ReadSecretOptions): Promise<string | undefined>;
}

/** How a secret is read. */
export interface ReadSecretOptions {
  readonly signal: AbortSignal;
  /** Files with certificates to trust in addition. Missing files are ignored. */
  readonly trustedFiles: readonly string[];
}
