import { setTimeout as delay } from 'node:timers/promises';
import { request, type Dispatcher } from 'undici';
import type { Log, SecretStore } from '../../ports/index.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { hideSecrets } from '../../domain/runner/answer-text.ts';
import type { VaultRequest } from '../../domain/secrets/plan-secrets.ts';
import {
  planLogin,
  quoteNumbers,
  secretField,
  secretPath,
} from '../../domain/secrets/vault-protocol.ts';
import { inTries, upTo, type TryEnd, type TryLimits } from '../../domain/tries.ts';
import { readCapped } from '../http/body.ts';
import { Outbound } from '../http/outbound.ts';
import { withoutTrailing } from '../../domain/without-trailing.ts';
import { ignoredVaultVariables, readVaultTls } from './vault-tls.ts';

export interface VaultOptions {
  /** Proxy settings, and `VAULT_CACERT` and its kin. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Reads the PEM certificates to trust: the machine's own, and those in these files. */
  readonly roots: (trustedFiles: readonly string[]) => Promise<readonly string[]>;
  /** How long one call may take, in milliseconds; a minute unless given. */
  readonly callLimitMs?: number;
}

/** Source: OpenBao's `api.DefaultRetryPolicy`. */
const TRIES: TryLimits = { most: 3, pauseMs: 1_000 };
const CALL_LIMIT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Vault itself accepts no larger secret. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const MAX_MESSAGE_CHARS = 500;

/** Reads secrets from HashiCorp Vault or OpenBao by their HTTP API. */
export function createVaultStore(options: VaultOptions): SecretStore {
  const variables = ignoredVaultVariables(options.env);
  if (variables.length > 0) {
    options.log.warn('variables for Vault are not supported and have no effect', { variables });
  }
  return {
    readSecret: async (wanted, { signal, trustedFiles }) => {
      const dispatcher = await openDispatcher(options, trustedFiles);
      const calls = { dispatcher, signal, wanted, limitMs: options.callLimitMs ?? CALL_LIMIT_MS };
      try {
        const token = await logIn(calls);
        const path = secretPath(wanted);
        const answer = await ask(calls, { method: 'GET', path, token });
        if (answer.status === 404) return undefined;
        return secretField(dataOf(answer, 'reading secret'), wanted);
      } finally {
        await dispatcher.destroy();
      }
    },
  };
}

interface Calls {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  readonly wanted: VaultRequest;
  readonly limitMs: number;
}

interface VaultQuery {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  readonly token?: string;
  readonly body?: string;
}

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
  /** Its errors in one line, without the request's data. */
  readonly words: string;
}

async function openDispatcher(
  { env, roots }: VaultOptions,
  trustedFiles: readonly string[],
): Promise<Dispatcher> {
  const { ca, identity } = await readVaultTls(env);
  const trusted = [...(await roots(trustedFiles)), ...ca];
  return new Outbound({ env, ca: trusted, identity, connectMs: CONNECT_TIMEOUT_MS });
}

async function logIn(calls: Calls): Promise<string> {
  const { path, body } = planLogin(calls.wanted);
  const answer = await ask(calls, { method: 'PUT', path, body: JSON.stringify(body) });
  const auth = dataOf(answer, 'authenticating Vault client', 'auth') as { client_token?: unknown };
  if (typeof auth.client_token === 'string') return auth.client_token;
  throw new FinalError(
    FailureType.RunnerSystem,
    'authenticating Vault client: the answer holds no token',
  );
}

/** Tries again when the server or the network fails. */
async function ask(calls: Calls, input: VaultQuery): Promise<Answer> {
  const { signal } = calls;
  try {
    return await inTries(() => askInTime(calls, input), {
      nextMs: upTo(TRIES, mayPass),
      pause: (ms) => delay(ms, true, { signal }),
    });
  } catch (error) {
    signal.throwIfAborted();
    throw asFinal(error, calls);
  }
}

function mayPass(end: TryEnd<Answer>): boolean {
  if (end.kind === 'failed') return !(end.error instanceof FinalError);
  const { status } = end.value;
  return status >= 500 || [412, 429].includes(status);
}

/**
 * Asks within the limit. The timer holds the limit's signal. `AbortSignal.any` alone would not, and a
 * signal of `AbortSignal.timeout` would vanish with its limit at the next garbage collection.
 */
async function askInTime(calls: Calls, input: VaultQuery): Promise<Answer> {
  const { signal, limitMs } = calls;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error(`no answer in ${limitMs} ms`)), limitMs);
  try {
    return await askOnce({ ...calls, signal: AbortSignal.any([signal, limit.signal]) }, input);
  } finally {
    clearTimeout(timer);
  }
}

async function askOnce({ dispatcher, signal, wanted }: Calls, input: VaultQuery): Promise<Answer> {
  const { method, path, token, body } = input;
  const reply = await request(`${baseOf(wanted)}/v1/${path}`, {
    dispatcher,
    method,
    headers: {
      'X-Vault-Request': 'true',
      ...(wanted.namespace !== '' && { 'X-Vault-Namespace': wanted.namespace }),
      ...(token !== undefined && { 'X-Vault-Token': token }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    },
    ...(body !== undefined && { body }),
    signal,
  });
  const json = parse(await readText(reply.body));
  const words = wordsOf(json, [token ?? '', wanted.auth.data['jwt'] ?? '']);
  return { status: reply.statusCode, json, words };
}

/**
 * Checks and returns the base of the URL. A user, a query or another scheme has no meaning there
 * and could only mislead.
 */
function baseOf({ url }: VaultRequest): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    const message = `the address of the Vault ${JSON.stringify(url.slice(0, 100))} is not an http(s) URL`;
    throw new FinalError(FailureType.RunnerConfiguration, message);
  }
  return withoutTrailing(`${parsed.origin}${parsed.pathname}`, '/');
}

async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  const { bytes, isTooLong, fault } = await readCapped(body, { limitBytes: MAX_ANSWER_BYTES });
  if (isTooLong) {
    throw new FinalError(FailureType.ExternalDependency, 'the answer of the Vault is too large');
  }
  if (fault !== undefined) throw fault;
  return Buffer.from(bytes).toString();
}

function parse(text: string): Answer['json'] {
  try {
    const json: unknown = JSON.parse(quoteNumbers(text));
    return typeof json === 'object' && json !== null ? (json as Answer['json']) : {};
  } catch {
    return {};
  }
}

function wordsOf({ errors }: Answer['json'], secrets: readonly string[]): string {
  const all = Array.isArray(errors) ? errors.map(String).join(', ') : '';
  return hideSecrets(all, secrets).replace(/\s+/g, ' ').slice(0, MAX_MESSAGE_CHARS);
}

/**
 * Returns the data of a successful answer. Other answers are classified as in gitlab-runner.
 * Source: gitlab-runner `helpers/secrets/resolvers/vault/resolver.go` (classifyError).
 */
function dataOf(
  { status, json, words }: Answer,
  what: string,
  member: 'auth' | 'data' = 'data',
): unknown {
  if (status >= 200 && status < 300) return json[member] ?? {};
  throw new FinalError(typeOf(status), `${what}: api error: status code ${status}: ${words}`);
}

function typeOf(status: number): FailureType {
  if ([400, 401, 403, 404].includes(status)) return FailureType.RunnerConfiguration;
  return status >= 500 ? FailureType.ExternalDependency : FailureType.RunnerSystem;
}

/** Returns the final fault. As in gitlab-runner, an unreachable Vault is a system fault. */
function asFinal(error: unknown, { wanted }: Calls): FinalError {
  if (error instanceof FinalError) return error;
  const reason = error instanceof Error ? causeOf(error) : String(error);
  const message = `no answer from the Vault at ${new URL(wanted.url).host}: ${reason}`;
  return new FinalError(FailureType.RunnerSystem, message, { cause: error });
}

function causeOf(error: Error): string {
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}
