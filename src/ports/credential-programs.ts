import type { RegistryAuth } from '../domain/executor/registry-auth.ts';

/** Programs of this node that keep credentials of registries. What fails says so without secrets. */
export interface CredentialPrograms {
  /** Servers that a program has credentials for. */
  list(helper: string): Promise<readonly string[]>;
  /** undefined when it has none for the server. */
  get(helper: string, server: string): Promise<RegistryAuth | undefined>;
}
