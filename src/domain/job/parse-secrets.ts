import { isObject } from '../is-object.ts';
import { readBoolean, readFields, readText, unusable, type Fields } from './json-reader.ts';
import type { JobSecret, JobVaultSecret } from './payload.ts';

const MAX_SECRETS = 1_000;

/**
 * In gitlab-runner's order of precedence; a secret has one of them. Source: gitlab-runner
 * `common/spec/spec.go`.
 */
const OTHER_PROVIDERS = [
  'gcp_secret_manager',
  'azure_key_vault',
  'aws_secrets_manager',
  'gitlab_secrets_manager',
] as const;

/** Reads the secrets of a job, by the variables that they become. */
export function readSecrets(value: unknown, path: string): readonly JobSecret[] {
  const secrets = readFields(value, path);
  const keys = secrets.keys();
  if (keys.length > MAX_SECRETS) throw unusable(path, `at most ${MAX_SECRETS} secrets`);
  return keys.map((key) => secrets.read(key, (secret, at) => readSecret(key, secret, at)));
}

function readSecret(key: string, value: unknown, path: string): JobSecret {
  const secret = readFields(value, path);
  const isGiven = (name: string): boolean => secret.read(name, (given) => given !== undefined);
  return {
    key,
    file: secret.read('file', (file, at) => file === undefined || readBoolean(file, at)),
    vault: isGiven('vault') ? secret.read('vault', readVault) : null,
    other_provider: OTHER_PROVIDERS.find(isGiven) ?? '',
  };
}

function readVault(value: unknown, path: string): JobVaultSecret {
  const vault = readFields(value, path);
  return {
    server: vault.read('server', readServer),
    engine: vault.read('engine', readEngine),
    path: vault.read('path', readText),
    field: vault.read('field', readText),
  };
}

function readServer(value: unknown, path: string): JobVaultSecret['server'] {
  const server = readFields(value, path);
  return {
    url: server.read('url', readText),
    namespace: server.read('namespace', readText),
    auth: server.read('auth', (auth, at) => readAuth(readFields(auth, at))),
  };
}

function readEngine(value: unknown, path: string): JobVaultSecret['engine'] {
  const engine = readFields(value, path);
  return { name: engine.read('name', readText), path: engine.read('path', readText) };
}

function readAuth(auth: Fields): JobVaultSecret['server']['auth'] {
  return {
    name: auth.read('name', readText),
    path: auth.read('path', readText),
    data: auth.read('data', readAuthData),
  };
}

/** The data sent with a login. A value that is not text is formatted as gitlab-runner does. */
function readAuthData(value: unknown, path: string): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isObject(value)) throw unusable(path, 'an object');
  const entries = Object.entries(value).map(([key, item]) => [
    readText(key, path),
    typeof item === 'number' || typeof item === 'boolean'
      ? `${item}`
      : readText(item ?? undefined, `${path}.${key}`),
  ]);
  return Object.fromEntries(entries) as Readonly<Record<string, string>>;
}
