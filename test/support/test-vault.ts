/** A secrets server for tests, with a role for the id tokens of jobs. */
export interface TestVault {
  readonly url: string;
  /** The server is OpenBao itself, or a strict fake where OpenBao could not be installed. */
  readonly kind: 'OpenBao' | 'fake';
  /** Writes a secret: of version 2 at `secret/<path>`, or of version 1 at `kv1/<path>`. */
  put(
    engine: 'secret' | 'kv1',
    path: string,
    data: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  /** Returns an id token that is signed as GitLab signs it. */
  idToken(claims?: Readonly<Record<string, unknown>>): string;
  close(): Promise<void>;
}

/** The role of the jobs. A token with this claim may read the secrets below `ci/`. */
export const ROLE = { name: 'builder', audience: 'vault.test', claim: 'group/project' };

/** The values with which the fake verifies a token. */
export interface Believed {
  readonly publicKeyPem: string;
}
