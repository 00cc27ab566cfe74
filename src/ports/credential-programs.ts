import type { RegistryAuth } from '../domain/executor/registry-auth.ts';

/** Credential helper programs of this node. Their errors contain no secrets. */
export interface CredentialPrograms {
  /** Lists the servers for which a program has credentials. */
  list(helper: string): Promise<readonly string[]>;
  /** Returns undefined when the program has none for the server. */
  get(helper: string, server: string): Promise<RegistryAuth | undefined>;
}
