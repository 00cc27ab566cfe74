/** A secrets server for tests, with a role that a job's id token may take. */
export interface TestVault {
  readonly url: string;
  /** Real OpenBao, or our strict imitation where it could not be installed. */
  readonly kind: 'OpenBao' | 'fake';
  /** Writes a secret of version 2, at `secret/<path>`, or of version 1, at `kv1/<path>`. */
  put(
    engine: 'secret' | 'kv1',
    path: string,
    data: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  /** An id token as GitLab signs it. */
  idToken(claims?: Readonly<Record<string, unknown>>): string;
  close(): Promise<void>;
}

/** Who has a token with this claim may read what lies below `ci/`. */
export const ROLE = { name: 'builder', audience: 'vault.test', claim: 'group/project' };

/** What the fake needs to know of a token to believe it. */
export interface Believed {
  readonly publicKeyPem: string;
}
