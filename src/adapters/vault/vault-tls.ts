import { readFile } from 'node:fs/promises';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { errorCode } from '../host/error-code.ts';
import { pairFault, readableCertificates } from '../http/pem.ts';
import type { Environment } from '../http/proxy.ts';

/** What the environment says about TLS with a Vault. */
export interface VaultTls {
  /** PEM certificates to trust besides the machine's own. */
  readonly ca: readonly string[];
  readonly identity: { readonly cert: string; readonly key: string } | undefined;
}

/** Variables of OpenBao's client that have no effect here, without `BAO_` or `VAULT_`. */
const IGNORED = [
  ...['CACERT_BYTES', 'CAPATH', 'CLIENT_CERT_BYTES', 'CLIENT_KEY_BYTES'],
  ...['TLS_SERVER_NAME', 'SKIP_VERIFY', 'PROXY_ADDR', 'HTTP_PROXY'],
];

/** Returns the names of those variables that are set. */
export function ignoredVaultVariables(env: Environment): readonly string[] {
  return IGNORED.map((name) => find(env, name)?.name).filter((name) => name !== undefined);
}

/**
 * Reads the files that `VAULT_CACERT`, `VAULT_CLIENT_CERT` and `VAULT_CLIENT_KEY` name; the same
 * names with `BAO_` override them. Throws RunnerSystem when a file cannot be used. Source: OpenBao
 * `api/client.go` (ReadEnvironment), `api/env.go`.
 */
export async function readVaultTls(env: Environment): Promise<VaultTls> {
  const ca = await readNamed(env, 'CACERT');
  const certificates = ca === undefined ? [] : readableCertificates(ca.pem);
  if (ca !== undefined && certificates.length === 0) {
    throw fault(`${ca.name}: ${ca.path} holds no readable certificate`);
  }
  return { ca: certificates, identity: await readIdentity(env) };
}

async function readIdentity(env: Environment): Promise<VaultTls['identity']> {
  const cert = await readNamed(env, 'CLIENT_CERT');
  const key = await readNamed(env, 'CLIENT_KEY');
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    const [set, other] = cert === undefined ? [key?.name, 'CERT'] : [cert.name, 'KEY'];
    throw fault(`${set} is set without VAULT_CLIENT_${other}: set both or neither`);
  }
  const identity = { cert: cert.pem, key: key.pem };
  const reason = pairFault(identity);
  if (reason === undefined) return identity;
  throw fault(`${cert.name} and ${key.name}: ${cert.path} and ${key.path}: ${reason}`);
}

async function readNamed(env: Environment, suffix: string) {
  const found = find(env, suffix);
  if (found === undefined) return undefined;
  const { name, value: path } = found;
  try {
    return { name, path, pem: await readFile(path, 'utf8') };
  } catch (error) {
    throw fault(`${name}: ${path} cannot be read (${errorCode(error) ?? String(error)})`);
  }
}

function find(env: Environment, suffix: string) {
  const name = env[`BAO_${suffix}`] === undefined ? `VAULT_${suffix}` : `BAO_${suffix}`;
  const value = env[name] ?? '';
  return value === '' ? undefined : { name, value };
}

function fault(message: string): FinalError {
  return new FinalError(FailureType.RunnerSystem, `creating new Vault client: ${message}`);
}
