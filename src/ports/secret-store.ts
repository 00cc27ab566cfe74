import type { VaultRequest } from '../domain/secrets/plan-secrets.ts';

/** Where the secrets of jobs are. */
export interface SecretStore {
  /**
   * One secret; undefined when there is none at this place. Fails with RunnerConfiguration (refused,
   * or asked for in a way that makes no sense), ExternalDependency (the store fails) or RunnerSystem
   * (it does not answer), after some tries.
   */
  readSecret(request: VaultRequest, signal: AbortSignal): Promise<string | undefined>;
}
