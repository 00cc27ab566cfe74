import { randomInt } from 'node:crypto';
import type { Access } from '../../adapters/codec-server/access.ts';
import { openCodecServer } from '../../adapters/codec-server/codec-server.ts';
import { createTokenCheck, type OidcSettings } from '../../adapters/codec-server/oidc.ts';
import { openOutbound } from '../../adapters/http/outbound.ts';
import type { OpenHttpServer } from '../../adapters/http-server/http-server.ts';
import type { Cipher } from '../../adapters/state/cipher.ts';
import {
  formatCodecEndpoint,
  keepCodecEndpoint,
  makeCodecToken,
  readCodecEndpoint,
  type CodecEndpoint,
} from '../../adapters/state/codec-endpoint.ts';
import { createPayloadCodec } from '../../adapters/temporal/codec.ts';
import { findConfigured, type Temporal } from '../../adapters/temporal/connect.ts';
import { showValue } from '../../domain/view/show-value.ts';
import type { Log } from '../../ports/index.ts';
import type { Closers } from '../machine/closers.ts';
import { ADDRESS_NAME, readCodecSettings, type CodecSettings } from './codec-settings.ts';
import { SHOWN_FIELDS } from './shown-fields.ts';

const LOOPBACK = '127.0.0.1';
const LOOPBACK_NAMES = [LOOPBACK, 'localhost', '[::1]'];
const OPEN_TRIES = 10;
const CONNECT_MS = 5_000;

export interface CodecOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cipher: Cipher;
  readonly log: Log;
  /** Keeps the address and the token of the server that belongs to the embedded Temporal. */
  readonly endpointFile: string;
}

/** The codec server of a node, if it has one. */
export interface NodeCodec {
  /**
   * The address for the embedded Temporal's UI, with the token; undefined when nothing decodes for
   * that UI.
   */
  readonly endpoint: string | undefined;
  /** Tells the server the UI's address and the namespace. It lets nobody in before. */
  attach(temporal: Pick<Temporal, 'namespace' | 'uiAddress'>): void;
}

const NO_CODEC: NodeCodec = { endpoint: undefined, attach: () => undefined };

/**
 * Opens the codec server that the environment names, or one for the embedded Temporal. The latter
 * is a convenience, so a node starts without it when it cannot be opened.
 */
export async function openCodec(options: CodecOptions, closers: Closers): Promise<NodeCodec> {
  const settings = await readCodecSettings(options.env);
  if (settings.address === 'off') return NO_CODEC;
  const known: Known = { namespace: undefined, uiAddress: undefined };
  const scope = { ...options, settings, known };
  const opened = await openWanted(scope);
  if (opened === undefined) return NO_CODEC;
  closers.add(() => opened.server.close());
  return {
    endpoint: opened.endpoint,
    attach: ({ namespace, uiAddress }) => {
      Object.assign(known, { namespace, uiAddress });
    },
  };
}

interface Known {
  readonly namespace: string | undefined;
  readonly uiAddress: string | undefined;
}

interface Scope extends CodecOptions {
  readonly settings: CodecSettings;
  readonly known: Known;
}

interface Opened {
  readonly server: OpenHttpServer;
  /** undefined: only people with a login may ask, and the embedded UI has none. */
  readonly endpoint: string | undefined;
}

async function openWanted(scope: Scope): Promise<Opened | undefined> {
  const { address, token } = scope.settings;
  if (typeof address === 'object') {
    const server = await open(scope, { ...address, token });
    scope.log.info('codec server listening', { host: address.host, port: server.port });
    const base = `http://${hostOf(address.host)}:${server.port}`;
    return { server, endpoint: token === undefined ? undefined : `${base}/${token}` };
  }
  if (findConfigured(scope.env) !== undefined) return undefined;
  return openOwn(scope).catch((error: unknown) => {
    scope.log.warn('no codec server for the UI of the embedded Temporal', { error });
    return undefined;
  });
}

/**
 * Opens the server at the same address as before, because an embedded Temporal that still runs was
 * told this address.
 */
async function openOwn(scope: Scope): Promise<Opened> {
  const kept = await readCodecEndpoint(scope.endpointFile);
  const token = kept?.token ?? makeCodecToken();
  const { server, port } = await openAtFreePort(scope, { token, port: kept?.port });
  const endpoint: CodecEndpoint = { port, token };
  if (kept?.port !== port) await keepCodecEndpoint(scope.endpointFile, endpoint);
  return { server, endpoint: formatCodecEndpoint(endpoint) };
}

async function openAtFreePort(
  scope: Scope,
  { token, port: wanted }: { readonly token: string; readonly port: number | undefined },
): Promise<{ readonly server: OpenHttpServer; readonly port: number }> {
  for (let triesLeft = OPEN_TRIES; ; triesLeft -= 1) {
    // This port is below the ports for outgoing connections, so that none of them takes it between
    // two starts.
    const port =
      wanted !== undefined && triesLeft === OPEN_TRIES ? wanted : randomInt(20_000, 32_000);
    try {
      return { server: await open(scope, { host: LOOPBACK, port, token }), port };
    } catch (error) {
      if (triesLeft === 0) throw error;
    }
  }
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
}

function open({ cipher, log, settings, known, env }: Scope, place: Place): Promise<OpenHttpServer> {
  const { host, port, token } = place;
  return openCodecServer({
    host,
    port,
    log,
    setting: ADDRESS_NAME,
    codec: createPayloadCodec(cipher),
    show: (value) => showValue(value, SHOWN_FIELDS),
    access: {
      token,
      verify: settings.oidc && verifyBy(settings.oidc, env),
      hosts: [...LOOPBACK_NAMES, hostOf(host), ...settings.hosts],
      origins: () => [...settings.origins, ...originsOf(known.uiAddress)],
      namespace: () => known.namespace,
    },
  });
}

function verifyBy(oidc: OidcSettings, env: CodecOptions['env']): Access['verify'] {
  return createTokenCheck({
    ...oidc,
    openDispatcher: () => openOutbound(env, { connectMs: CONNECT_MS }),
  });
}

/** Formats a host for a URL. */
function hostOf(host: string): string {
  return host.includes(':') ? `[${host}]` : host.toLowerCase();
}

/** Returns the origins of the embedded UI. A person may open it by either name of this machine. */
function originsOf(uiAddress: string | undefined): readonly string[] {
  if (uiAddress === undefined) return [];
  const { origin, port } = new URL(uiAddress);
  return [origin, `http://localhost:${port}`];
}
