import type { Log } from '../../ports/index.ts';
import type { ProgramInfo } from '../../domain/context/context.ts';
import { FinalError, TransientError } from '../../domain/failure.ts';
import { runnerInfo, type RunnerInfo } from '../../domain/context/info.ts';
import { shouldRetryStatus } from '../../domain/runner/retry.ts';
import { describeAnswer, describeNonJson, parseAnswer } from './faults.ts';
import { createApi, type Api, type ApiReply } from './http.ts';
import { jsonContent } from './json-content.ts';
import type { Environment, Timeouts } from './transport.ts';

export interface RegistrationOptions {
  readonly url: string;
  readonly tlsCaFile?: string | undefined;
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  /** Directory of config.toml, in which `certs/<host>.crt` is found. */
  readonly configDir: string;
  readonly program: ProgramInfo;
  readonly env: Environment;
  readonly log: Log;
  readonly timeouts?: Partial<Timeouts>;
}

/** The calls of the CLI about runners. None of them throws for an answer or an outage. */
export interface RegistrationClient {
  verifyRunner(token: string, systemId: string): Promise<VerifyReply>;
  /** Uses a registration token (`GR1348941…`, `glrtr-…`), which most servers have turned off. */
  registerRunner(registrationToken: string, parameters: RegisterParameters): Promise<RegisterReply>;
  /** Deletes the runner itself, for every machine that uses its token. */
  unregisterRunner(token: string): Promise<UnregisterReply>;
  /** Deletes only this machine from the runner. */
  unregisterManager(token: string, systemId: string): Promise<UnregisterReply>;
  /** Closes idle sockets, so that a command can end. */
  close(): Promise<void>;
}

/** A runner in GitLab. `tokenExpiresAt` is GitLab's RFC 3339 text; undefined means never. */
export interface RunnerIdentity {
  /** The runner's id; 0 when the server is too old to report it. */
  readonly id: number;
  readonly token: string;
  readonly tokenExpiresAt: string | undefined;
}

export type VerifyReply =
  | ({ readonly kind: 'valid' } & RunnerIdentity)
  | { readonly kind: 'invalid' }
  /** 422: the project or group that owned the runner is gone. */
  | { readonly kind: 'orphaned' }
  /**
   * Nothing is known about the token, because of an outage or a malformed answer. That is never a
   * reason to forget a runner.
   */
  | { readonly kind: 'unknown'; readonly message: string };

export interface RegisterParameters {
  readonly description?: string;
  readonly maintenanceNote?: string;
  readonly tagList?: readonly string[];
  readonly runUntagged: boolean;
  readonly locked: boolean;
  readonly accessLevel?: 'not_protected' | 'ref_protected';
  readonly maximumTimeoutSeconds?: number;
  readonly paused: boolean;
}

/** `refused`: GitLab refuses permanently. `failed`: an outage or a malformed answer. */
export type RegisterReply =
  | ({ readonly kind: 'registered' } & RunnerIdentity)
  | { readonly kind: 'refused' | 'failed'; readonly message: string };

export type UnregisterReply =
  | { readonly kind: 'unregistered' }
  | { readonly kind: 'refused' | 'failed'; readonly message: string };

export function createRegistrationClient(options: RegistrationOptions): RegistrationClient {
  const api = createApi({
    ...options,
    tlsCaFile: options.tlsCaFile,
    tlsCertFile: options.tlsCertFile,
    tlsKeyFile: options.tlsKeyFile,
    timeouts: options.timeouts,
  });
  // The executor is always docker. Only a legacy registration happens before it is chosen.
  const info = runnerInfo(options.program, 'docker');
  const client = { api, info, legacyInfo: runnerInfo(options.program) };
  return {
    verifyRunner: (token, systemId) => verify(client, token, systemId),
    registerRunner: (token, parameters) => register(client, token, parameters),
    unregisterRunner: (token) => unregister(client, 'runners', { token }),
    unregisterManager: (token, systemId) =>
      unregister(client, 'runners/managers', { token, system_id: systemId }),
    close: () => api.close(),
  };
}

interface Client {
  readonly api: Api;
  readonly info: RunnerInfo;
  readonly legacyInfo: RunnerInfo;
}

/** A person waits at the terminal, so longer waits are reported instead. */
const WAIT_BUDGET_MS = 10_000;

async function verify(
  { api, info }: Client,
  token: string,
  systemId: string,
): Promise<VerifyReply> {
  const secrets = [token];
  const reply = await attempt(() =>
    api.send({
      method: 'POST',
      path: 'runners/verify',
      token: { header: 'RUNNER-TOKEN', value: token },
      content: jsonContent({ token, system_id: systemId, info }),
      wantsJson: true,
      waitBudgetMs: WAIT_BUDGET_MS,
    }),
  );
  if (typeof reply === 'string') return { kind: 'unknown', message: reply };
  if (reply.status === 403) return { kind: 'invalid' };
  if (reply.status === 422) return { kind: 'orphaned' };
  if (reply.status !== 200) return { kind: 'unknown', message: describeAnswer(reply, secrets) };
  const identity = parseIdentity(parseAnswer(reply)?.json, token);
  if (identity !== undefined) return { kind: 'valid', ...identity };
  // Servers before GitLab 16 confirm in plain text.
  if (isPlainText(reply)) return { kind: 'valid', id: 0, token, tokenExpiresAt: undefined };
  return { kind: 'unknown', message: describeNonJson(reply, secrets) };
}

async function register(
  { api, legacyInfo }: Client,
  token: string,
  parameters: RegisterParameters,
): Promise<RegisterReply> {
  const reply = await attempt(() =>
    api.send({
      method: 'POST',
      path: 'runners',
      token: { header: 'RUNNER-TOKEN', value: token },
      content: jsonContent({ ...wireParameters(parameters), token, info: legacyInfo }),
      wantsJson: true,
      waitBudgetMs: WAIT_BUDGET_MS,
    }),
  );
  if (typeof reply === 'string') return { kind: 'failed', message: reply };
  if (reply.status !== 201) return describeFailure(reply, [token]);
  const identity = parseIdentity(parseAnswer(reply)?.json, '');
  if (identity === undefined || identity.token === '') {
    return { kind: 'failed', message: describeNonJson(reply, [token]) };
  }
  return { kind: 'registered', ...identity };
}

function wireParameters(parameters: RegisterParameters): Readonly<Record<string, unknown>> {
  const { description, maintenanceNote, tagList, accessLevel } = parameters;
  return {
    ...(description && { description }),
    ...(maintenanceNote && { maintenance_note: maintenanceNote }),
    ...(tagList?.length && { tag_list: tagList.join(',') }),
    run_untagged: parameters.runUntagged,
    locked: parameters.locked,
    ...(accessLevel && { access_level: accessLevel }),
    ...(parameters.maximumTimeoutSeconds && { maximum_timeout: parameters.maximumTimeoutSeconds }),
    paused: parameters.paused,
  };
}

async function unregister(
  { api }: Client,
  path: 'runners' | 'runners/managers',
  body: { readonly token: string; readonly system_id?: string },
): Promise<UnregisterReply> {
  const reply = await attempt(() =>
    api.send({
      method: 'DELETE',
      path,
      token: { header: 'RUNNER-TOKEN', value: body.token },
      content: jsonContent(body),
      wantsJson: false,
      waitBudgetMs: WAIT_BUDGET_MS,
    }),
  );
  if (typeof reply === 'string') return { kind: 'failed', message: reply };
  return reply.status === 204 ? { kind: 'unregistered' } : describeFailure(reply, [body.token]);
}

/** Returns the answer, or the reason why there is none. */
async function attempt(send: () => Promise<ApiReply>): Promise<ApiReply | string> {
  try {
    return await send();
  } catch (error) {
    if (error instanceof TransientError || error instanceof FinalError) return error.message;
    throw error;
  }
}

function describeFailure(
  reply: ApiReply,
  secrets: readonly string[],
): { readonly kind: 'refused' | 'failed'; readonly message: string } {
  const isFinal = reply.status >= 400 && reply.status < 500 && !shouldRetryStatus(reply.status);
  const isJson = parseAnswer(reply) !== undefined || reply.body.byteLength === 0;
  const message = isJson ? describeAnswer(reply, secrets) : describeNonJson(reply, secrets);
  return { kind: isFinal ? 'refused' : 'failed', message };
}

function isPlainText({ headers }: ApiReply): boolean {
  return /^(text\/plain\b.*)?$/i.test(headers.get('Content-Type')?.trim() ?? '');
}

/** Parses the identity. A server that does not name the token means the one in the request. */
function parseIdentity(json: unknown, askedToken: string): RunnerIdentity | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const { id, token, token_expires_at: expiry } = json as Readonly<Record<string, unknown>>;
  return {
    id: typeof id === 'number' && Number.isSafeInteger(id) ? id : 0,
    token: typeof token === 'string' && token !== '' ? token : askedToken,
    tokenExpiresAt: typeof expiry === 'string' && expiry !== '' ? expiry : undefined,
  };
}
