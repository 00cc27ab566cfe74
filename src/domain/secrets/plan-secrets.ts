import type { JobPayload, JobSecret, JobVariable, JobVaultSecret } from '../job/payload.ts';
import type { Variables } from '../variables/variables.ts';

/** One secret of a job, and its source. */
export interface PlannedSecret {
  readonly key: string;
  readonly source: SecretSource;
  readonly isFile: boolean;
}

/** Where a secret comes from. */
export type SecretSource =
  | { readonly kind: 'vault'; readonly request: VaultRequest }
  /** A provider that this runner does not support. */
  | { readonly kind: 'unsupported'; readonly provider: string }
  /** The payload names no provider at all. */
  | { readonly kind: 'none' };

/** A request to a Vault. Contains a token of the job: never logged. */
export interface VaultRequest {
  readonly url: string;
  /** The namespace; empty when there is none. */
  readonly namespace: string;
  readonly auth: {
    readonly method: string;
    readonly path: string;
    readonly data: Readonly<Record<string, string>>;
  };
  readonly engine: { readonly name: string; readonly path: string };
  readonly path: string;
  readonly field: string;
}

/**
 * Plans the secrets of a job in the order of the payload, with the job's variables inserted: an id
 * token gets into a login like that. Source: gitlab-runner `common/secrets.go`,
 * `common/spec/spec.go`.
 */
export function planSecrets(
  { secrets = [] }: Pick<JobPayload, 'secrets'>,
  variables: Variables,
): readonly PlannedSecret[] {
  return secrets.map((secret) => ({
    key: secret.key,
    isFile: secret.file,
    source: sourceOf(secret, variables),
  }));
}

/**
 * The variable that a secret becomes. It is masked, and its value is not expanded. Source:
 * gitlab-runner `common/secrets.go` (handleSecret).
 */
export function secretVariable({ key, isFile }: PlannedSecret, value: string): JobVariable {
  return { key, value, file: isFile, masked: true, raw: true, public: false };
}

function sourceOf({ vault, other_provider }: JobSecret, variables: Variables): SecretSource {
  if (vault !== null) return { kind: 'vault', request: expandVault(vault, variables) };
  return other_provider === ''
    ? { kind: 'none' }
    : { kind: 'unsupported', provider: other_provider };
}

function expandVault({ server, engine, path, field }: JobVaultSecret, variables: Variables) {
  const { expand } = variables;
  const data = Object.entries(server.auth.data).map(
    ([key, value]) => [key, expand(value)] as const,
  );
  return {
    url: expand(server.url),
    namespace: expand(server.namespace),
    auth: {
      method: expand(server.auth.name),
      path: expand(server.auth.path),
      data: Object.fromEntries(data),
    },
    engine: { name: expand(engine.name), path: expand(engine.path) },
    path: expand(path),
    field: expand(field),
  };
}
