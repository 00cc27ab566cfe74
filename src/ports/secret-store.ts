import type { VaultRequest } from '../domain/secrets/plan-secrets.ts';

/** The store of the jobs' secrets. */
export interface SecretStore {
  /**
   * Reads one secret; undefined when there is none at this place. After some tries it throws
   * RunnerConfiguration (refused, or a malformed request), ExternalDependency (the store has a
   * fault) or RunnerSystem (no answer).
   */
  readSecret(request: VaultRequest, signal: AbortSignal): Promise<string | undefined>;
}
