import { FailureType, FinalError } from '../failure.ts';
import { isObject } from '../is-object.ts';
import { cleanPath } from '../job/project-dir.ts';
import { quoteText } from '../quote-text.ts';
import type { VaultRequest } from './plan-secrets.ts';

/** A login request to a Vault. */
export interface VaultLogin {
  /** Path below `/v1`. */
  readonly path: string;
  readonly body: Readonly<Record<string, string>>;
}

/** The only fields of a login that are sent, so that no other data of the job leaves. */
const LOGIN_FIELDS = ['jwt', 'role'];

/**
 * The login of a request. Throws `RunnerConfiguration` for an unknown method. Source: gitlab-runner
 * `helpers/vault/auth_methods/jwt`.
 */
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
 * Path of the secret below `/v1`. Throws `RunnerConfiguration` for an unknown engine. Source:
 * gitlab-runner `helpers/vault/secret_engines`.
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

/** The field in the `data` of Vault's answer; undefined when it has no such field. */
export function secretField(data: unknown, { engine, field }: VaultRequest): string | undefined {
  const fields = engine.name === 'kv-v2' ? memberOf(data, 'data') : data;
  const value = memberOf(fields, field);
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * Turns the numbers of a JSON document into texts, digit by digit. As numbers they would be
 * rounded, and a secret may be a long number.
 */
export function quoteNumbers(json: string): string {
  return json.replace(TEXT_OR_NUMBER, (token) => (token.startsWith('"') ? token : `"${token}"`));
}

/**
 * A text that does not end reaches to the end of the document, so that no part of it is read twice:
 * the answer may come from a server of the job.
 */
const TEXT_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/gs;

/**
 * Joins the parts of a path. Each part is escaped and none is `..`, so that the path cannot lead
 * elsewhere.
 */
function joined(...parts: readonly string[]): string {
  const path = cleanPath(`/${parts.join('/')}`);
  return path
    .slice(1)
    .split('/')
    .map((part) => encodeURIComponent(part.replace(/\p{Surrogate}/gu, '\u{fffd}')))
    .join('/');
}

function memberOf(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function wrong(problem: string): FinalError {
  return new FinalError(FailureType.RunnerConfiguration, problem);
}

function quote(text: string): string {
  return quoteText(text, 60);
}
