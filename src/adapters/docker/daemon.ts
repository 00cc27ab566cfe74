import {
  IncomingMessage,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type RequestOptions,
} from 'node:http';
import { Duplex } from 'node:stream';
import { inspect } from 'node:util';
import Dockerode from 'dockerode';
import type DockerModem from 'docker-modem';
import type { z } from 'zod';
import { assert } from '../../domain/assert.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { percentEncodePath } from '../../domain/files/path-bytes.ts';
import type { PullOptions } from '../../ports/index.ts';
import { leaveOn } from '../host/leave-on.ts';
import { dockerodeOptions, type DaemonAddress } from './daemon-address.ts';
import {
  invalidReplyFault,
  isFault,
  refusalFault,
  timeoutFault,
  unreachableFault,
  type ActionContext,
} from './faults.ts';
import { createSameAnswers, type Patience } from './patience.ts';
import { readReply, type DaemonReply } from './read-reply.ts';
import { versionSchema } from './replies.ts';
import { createStaleMounts } from './stale-mounts.ts';
import type { EngineTiming } from './timing.ts';

/** The newest version of the Engine API that this adapter was written for. */
const API_VERSION = '1.47';

export interface DaemonCall {
  /** Describes the call for errors, with its value: `create container "x"`. */
  readonly doing: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** The path. Its variable parts are encoded: see `encodePath`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly tar?: Buffer;
  /** True: asks the daemon to hand the connection over. */
  readonly upgrades?: boolean;
  /** A tar that is produced while it is sent. */
  readonly tarStream?: NodeJS.ReadableStream;
  readonly auth?: PullOptions['auth'];
  /**
   * How long repeated identical answers 500 are accepted. The default is long for removals and
   * short for other calls.
   */
  readonly patience?: Patience;
}

export interface SendOptions {
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The identity of the engine at an address, as far as a cheap request shows it. */
interface Greeting {
  /** A different text means a different engine or version. */
  readonly identity: string;
  /** The version; undefined when a proxy has removed it. */
  readonly apiVersion: string | undefined;
}

/** The daemon as calls and answers. The caller decides what a status means. */
export interface Daemon {
  readonly address: string;
  /**
   * Throws unless the daemon answers. Returns a number that changes whenever the daemon may have
   * been restarted, so that cached facts may be outdated.
   */
  greet(limitMs: number): Promise<number>;
  /** Sends a call and reads the whole answer. */
  send(call: DaemonCall, options: SendOptions): Promise<DaemonReply>;
  /** Sends a call and resolves with the head of the answer. The signal also ends the reading. */
  open(call: DaemonCall, signal: AbortSignal): Promise<IncomingMessage>;
  /**
   * Sends a call after which the caller owns the connection, if the daemon agrees. Otherwise it
   * returns the daemon's answer.
   */
  upgrade(call: DaemonCall, signal: AbortSignal): Promise<IncomingMessage | Duplex>;
  /** Sends a call and throws unless its status is one of these. */
  expect(call: DaemonCall, options: ExpectOptions): Promise<DaemonReply>;
  action(call: DaemonCall, badRequest?: FailureType): ActionContext;
  /** Turns an error into a fault. An unknown error came from the connection. */
  fault(error: unknown, call: DaemonCall): Error;
}

export interface ExpectOptions extends SendOptions {
  readonly accept: readonly number[];
  readonly badRequest?: FailureType;
}

/**
 * Uses dockerode's transport, but not its methods: they also put a create request's body, secrets
 * included, into the URL, and they never settle when the connection breaks within an answer.
 */
export function createDaemon(
  address: DaemonAddress,
  timing: Pick<EngineTiming, 'sameAnswers'>,
): Daemon {
  const modem = openModem(address);
  const identity = createIdentity(modem, address.label);
  const sameAnswers = createSameAnswers(timing);
  const staleMounts = createStaleMounts((container) => unmount(modem, container, address.label));

  const actionOf: Daemon['action'] = (call, badRequest) => ({
    doing: call.doing,
    address: address.label,
    ...(badRequest !== undefined && { badRequest }),
    isLasting: (refusal) => {
      staleMounts.note(call, refusal);
      return sameAnswers.isLasting(call, refusal);
    },
  });
  /**
   * Turns an error into a fault, and forgets the version: after a fault another daemon, newer or
   * older, may have taken over.
   */
  const failed: Daemon['fault'] = (error, call) => {
    identity.forget();
    if (!isFault(error)) sameAnswers.forget(call);
    return isFault(error) ? error : unreachableFault(error, actionOf(call));
  };
  const upgrade: Daemon['upgrade'] = async (call, signal) => {
    try {
      const version = await leaveOn(signal, identity.version());
      await leaveOn(signal, staleMounts.mend(call));
      const versioned = { ...call, path: `/v${version}${call.path}` };
      const response = await dial(modem, versioned, signal);
      if (isPassed(response)) sameAnswers.forget(call);
      return response;
    } catch (error) {
      signal.throwIfAborted();
      throw failed(error, call);
    }
  };
  const open: Daemon['open'] = async (call, signal) => {
    const answer = await upgrade(call, signal);
    assert(answer instanceof IncomingMessage, `the connection of ${call.path} was upgraded`);
    return answer;
  };
  const send: Daemon['send'] = async (call, { limitMs, signal }) => {
    const limit = AbortSignal.timeout(limitMs);
    const either = signal === undefined ? limit : AbortSignal.any([limit, signal]);
    try {
      return await readReply(await open(call, either));
    } catch (error) {
      signal?.throwIfAborted();
      if (limit.aborted) throw timeoutFault(limitMs, actionOf(call));
      throw failed(error, call);
    }
  };
  const expect: Daemon['expect'] = async (call, { accept, badRequest, ...options }) => {
    const reply = await send(call, options);
    if (accept.includes(reply.status)) return reply;
    throw refusalFault(reply, actionOf(call, badRequest));
  };
  const { greet } = identity;
  const shown = { address: address.label, greet, action: actionOf, fault: failed };
  return { ...shown, send, open, upgrade, expect };
}

function openModem(address: DaemonAddress): DockerModem {
  // The transport's types lack agents and explicit undefined; its code supports both.
  const options = dockerodeOptions(address) as Dockerode.DockerOptions;
  const { modem } = new Dockerode(options);
  patchModem(modem as unknown as RequestBuilder);
  return modem;
}

interface Identity extends Pick<Daemon, 'greet'> {
  /** Returns the API version to use. It is requested once. */
  version(): Promise<string>;
  /** Forgets the version, because another daemon may answer from now on. */
  forget(): void;
}

function createIdentity(modem: DockerModem, address: string): Identity {
  let known: string | undefined;
  let version: Promise<string> | undefined;
  let era = 0;
  const forget = (): void => {
    version = undefined;
    era += 1;
  };
  return {
    forget,
    version: () => {
      version ??= negotiate(modem, address).catch((error: unknown) => {
        version = undefined;
        throw error;
      });
      return version;
    },
    greet: async (limitMs) => {
      try {
        const { identity } = await askGreeting(modem, address, limitMs);
        if (known !== undefined && identity !== known) forget();
        known = identity;
        return era;
      } catch (error) {
        forget();
        throw error;
      }
    },
  };
}

interface RequestBuilder {
  buildRequest(options: RequestOptions, ...rest: readonly unknown[]): void;
}

/**
 * Changes two habits of the transport. It follows redirects, which on a unix socket leads to an
 * uncaught exception; daemons have no reason to redirect. It also formats every request as a debug
 * text that nobody reads, including each socket of the agent and each listener of the signal, which
 * takes seconds.
 */
function patchModem(modem: RequestBuilder): void {
  const buildRequest = modem.buildRequest.bind(modem);
  modem.buildRequest = (options, ...rest) => {
    for (const part of [options.agent, options.signal]) {
      if (typeof part === 'object') Object.defineProperty(part, inspect.custom, BRIEFLY);
    }
    buildRequest({ ...options, headers: patchHeaders(options), maxRedirects: 0 } as never, ...rest);
  };
}

/**
 * Sets the length of an upgrade's request without a body. The transport would end it with a chunk,
 * which may arrive as part of what follows.
 */
function patchHeaders({ headers }: RequestOptions): RequestOptions['headers'] {
  const given = headers as OutgoingHttpHeaders | undefined;
  if (given?.['Upgrade'] === undefined || given['Content-Length'] !== undefined) return headers;
  const kept = Object.entries(given).filter(([name]) => name !== 'Transfer-Encoding');
  return { ...Object.fromEntries(kept), 'Content-Length': 0 };
}

const BRIEFLY = { value: () => '…', configurable: true };

/**
 * Encodes a name as part of a path. It may come from a job, so it must not lead elsewhere. Docker
 * redirects paths that are not normalised.
 */
export function encodePath(name: string): string {
  const parts = name.split('/');
  if (parts.some((part) => ['', '.', '..'].includes(part))) {
    throw new FinalError(
      FailureType.RunnerConfiguration,
      `"${name}" is not a name that Docker knows images, containers or volumes by: correct it`,
    );
  }
  return parts.map(encodeURIComponent).join('/');
}

/** Checks the answer's body against a schema. */
export function parseReply<T>(schema: z.ZodType<T>, body: unknown, action: ActionContext): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw invalidReplyFault(parsed.error, action);
}

const PING: DaemonCall = { doing: 'ask whether Docker answers', method: 'GET', path: '/_ping' };
const VERSION: DaemonCall = {
  doing: 'ask Docker for its version',
  method: 'GET',
  path: '/version',
};
const NEGOTIATION_LIMIT_MS = 30_000;

/**
 * Returns the version. Uses the greeting when it has the version, because asking takes Podman a
 * third of a second.
 */
async function negotiate(modem: DockerModem, address: string): Promise<string> {
  const { apiVersion } = await askGreeting(modem, address, NEGOTIATION_LIMIT_MS);
  if (apiVersion !== undefined && isOlder(apiVersion, API_VERSION)) return apiVersion;
  const { reply } = await askPlainly(modem, VERSION, { address, limitMs: NEGOTIATION_LIMIT_MS });
  const action = { doing: VERSION.doing, address };
  if (reply.status !== 200) throw refusalFault(reply, action);
  return chooseVersion(parseReply(versionSchema, reply.body, action));
}

async function askGreeting(
  modem: DockerModem,
  address: string,
  limitMs: number,
): Promise<Greeting> {
  const { reply, headers } = await askPlainly(modem, PING, { address, limitMs });
  if (reply.status >= 500) throw refusalFault(reply, { doing: PING.doing, address });
  const version = headers['api-version'];
  const apiVersion = typeof version === 'string' ? version : undefined;
  return { identity: JSON.stringify([headers['server'], version]), apiVersion };
}

const UNMOUNT_LIMIT_MS = 30_000;

/** Asks Podman to unmount a container that does not run. Docker has no such call, and no need. */
async function unmount(modem: DockerModem, container: string, address: string): Promise<void> {
  const path = `/v4.0.0/libpod/containers/${container}/unmount`;
  const call: DaemonCall = { doing: 'unmount a container', method: 'POST', path };
  await askPlainly(modem, call, { address, limitMs: UNMOUNT_LIMIT_MS });
}

/** Asks without adding an API version to the path. */
async function askPlainly(
  modem: DockerModem,
  call: DaemonCall,
  { address, limitMs }: { readonly address: string; readonly limitMs: number },
): Promise<{ readonly reply: DaemonReply; readonly headers: IncomingHttpHeaders }> {
  const action = { doing: call.doing, address };
  const limit = AbortSignal.timeout(limitMs);
  try {
    const response = (await dial(modem, call, limit)) as IncomingMessage;
    return { reply: await readReply(response), headers: response.headers };
  } catch (error) {
    if (isFault(error)) throw error;
    if (limit.aborted) throw timeoutFault(limitMs, action);
    throw unreachableFault(error, action);
  }
}

/** Chooses our version, unless the daemon is too old or too new for it. */
export function chooseVersion(daemon: {
  readonly ApiVersion: string;
  readonly MinAPIVersion: string;
}): string {
  if (isOlder(daemon.ApiVersion, API_VERSION)) return daemon.ApiVersion;
  return isOlder(API_VERSION, daemon.MinAPIVersion) ? daemon.MinAPIVersion : API_VERSION;
}

function isOlder(one: string, other: string): boolean {
  const [major = 0, minor = 0] = one.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number);
  return major === otherMajor ? minor < otherMinor : major < otherMajor;
}

/** Accepts every status, because the caller decides what it means. */
const ANY_STATUS: Record<number, boolean> = Object.fromEntries(
  Array.from({ length: 500 }, (_, index) => [100 + index, true]),
);

function isPassed(answer: IncomingMessage | Duplex): boolean {
  return !(answer instanceof IncomingMessage) || (answer.statusCode ?? 0) < 500;
}

function encodeQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([key, value]) => `${key}=${percentEncodePath(value)}`)
    .join('&');
}

function dial(
  modem: DockerModem,
  call: DaemonCall,
  signal: AbortSignal,
): Promise<IncomingMessage | Duplex> {
  const { auth } = call;
  const options: DockerModem.DialOptions = {
    // The transport always appends a query, which is empty here. Its own encoder throws for paths
    // that are not UTF-8.
    path: `${call.path}?${encodeQuery(call.query ?? {})}`,
    method: call.method,
    options: { _query: {}, _body: call.body ?? {} },
    isStream: true,
    hijack: call.upgrades === true,
    statusCodes: ANY_STATUS,
    abortSignal: signal,
    ...(call.tar !== undefined && { file: call.tar }),
    ...(call.tarStream !== undefined && { file: call.tarStream }),
    ...(auth !== undefined && {
      authconfig: {
        username: auth.username,
        password: auth.password,
        serveraddress: auth.server,
        ...(auth.identityToken !== undefined && { identitytoken: auth.identityToken }),
      },
    }),
  };
  const dialing = new Promise<IncomingMessage | Duplex>((resolve, reject) => {
    modem.dial(options, (error, result) => {
      if (error !== null) reject(error);
      else if (result instanceof Duplex || result instanceof IncomingMessage) resolve(result);
      else reject(new Error('no answer'));
    });
  });
  // Node ends the connection of an upgrade that nobody has asked for, and the transport then never
  // calls back.
  return leaveOn(signal, dialing);
}
