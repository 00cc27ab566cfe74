import { FailureType, FinalError } from '../failure.ts';
import { cleanPath } from '../job/project-dir.ts';
import type { VaultRequest } from './plan-secrets.ts';

/** The login of a request. Fails with `RunnerConfiguration` for a method that is not known. */
export interface VaultLogin {
  /** Below `/v1`. */
  readonly path: string;
  readonly body: Readonly<Record<string, string>>;
}

/** Of what a login may send, so that nothing else of a job's gets out. */
const LOGIN_FIELDS = ['jwt', 'role'];

/** Source: gitlab-runner `helpers/vault/auth_methods/jwt`. */
export function planLogin({ auth }: VaultRequest): VaultLogin {
  if (auth.method !== 'jwt') {
    throw wrong(`the authentication method ${quote(auth.method)} is not supported: use "jwt"`);
  }
  if (!Object.hasOwn(auth.data, 'jwt')) {
    throw wrong('missing required auth method configuration key "jwt"');
  }
  const body = Object.entries(auth.data).filter(([key]) => LOGIN_FIELDS.includes(key));
  return { path: joined('auth', auth.path, 'login'), body: Object.fromEntries(body) };
}

/**
 * Path of the secret below `/v1`. Fails with `RunnerConfiguration` for an engine that is not known.
 * Source: gitlab-runner `helpers/vault/secret_engines`.
 */
export function secretPath({ engine, path }: VaultRequest): string {
  switch (engine.name) {
    case 'kv-v2':
      return joined(engine.path, 'data', path);
    case 'kv-v1':
    case 'generic':
      return joined(engine.path, path);
    default:
      throw wrong(
        `the secrets engine ${quote(engine.name)} is not supported: use "kv-v2", "kv-v1" or "generic"`,
      );
  }
}

/** The field in what a Vault answered (its `data`); undefined when there is none of that name. */
export function secretField(data: unknown, { engine, field }: VaultRequest): string | undefined {
  const fields = engine.name === 'kv-v2' ? memberOf(data, 'data') : data;
  const value = memberOf(fields, field);
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * Numbers of a JSON document as text, digit by digit: as numbers they would be rounded, and a secret
 * may well be a long one.
 */
export function quoteNumbers(json: string): string {
  return json.replace(/"(?:[^"\\]+|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
}

/** Each part escaped, none of them `..`: nothing but what was meant is asked for. */
function joined(...parts: readonly string[]): string {
  const path = cleanPath(`/${parts.join('/')}`);
  return path
    .slice(1)
    .split('/')
    .map((part) => encodeURIComponent(part.replace(/\p{Surrogate}/gu, '\u{fffd}')))
    .join('/');
}

function memberOf(value: unknown, key: string): unknown {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

function wrong(problem: string): FinalError {
  return new FinalError(FailureType.RunnerConfiguration, problem);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
