import * as tls from 'node:tls';
import type { Dispatcher } from 'undici';
import type { Log } from '../../ports/index.ts';
import { Outbound } from '../http/outbound.ts';
import { formatPem, readableCertificates } from '../http/pem.ts';
import type { Environment } from '../http/proxy.ts';
import { readSystemRoots } from '../http/system-roots.ts';
import { findTlsFiles, readTlsMaterial, type TlsMaterial, type TlsSource } from './tls-files.ts';

export type { Environment } from '../http/proxy.ts';

export interface Timeouts {
  /** Time for DNS, TCP and TLS together, in milliseconds. */
  readonly connectMs: number;
  /** Time until the head of an answer. It is longer than GitLab's long poll. */
  readonly headersMs: number;
  /** Time from the head of an answer to its end. */
  readonly bodyMs: number;
  /** Time of the whole request, from its first byte to the end of the answer. */
  readonly requestMs: number;
}

// Source: gitlab-runner `network/client.go` (createTransport). `bodyMs` is our own addition, which
// also ends an answer that arrives at one byte per second.
export const DEFAULT_TIMEOUTS: Timeouts = {
  connectMs: 30_000,
  headersMs: 600_000,
  bodyMs: 300_000,
  requestMs: 3_600_000,
};

/** Older idle connections are not reused, so that changed servers are noticed. */
const MAX_AGE_MS = 15 * 60_000;
const KEEP_ALIVE_MS = 10_000;
const MAX_KEEP_ALIVE_MS = 90_000;

export interface TransportOptions extends TlsSource {
  readonly baseUrl: URL;
  readonly env: Environment;
  readonly timeouts: Timeouts;
  readonly log: Log;
}

/** Sockets to one GitLab with one set of certificates. */
export interface Transport {
  readonly dispatcher: Dispatcher;
  readonly tls: TlsMaterial;
  /** Returns the chain that verified GitLab's certificate, leaf first; undefined over http. */
  peerChainPem(): string | undefined;
}

export interface TransportSource {
  /**
   * Returns the transport. Creates a new one when a certificate file has changed, appeared or
   * disappeared, or after a while.
   */
  current(): Promise<Transport>;
  /** Closes idle sockets. A request in progress continues, because it may return a job. */
  close(): void;
}

interface Held {
  readonly transport: Transport;
  readonly stamp: string;
  readonly builtAtMs: number;
}

export function createTransportSource(options: TransportOptions): TransportSource {
  let held: Held | undefined;
  let refreshing: Promise<Transport> | undefined;

  async function refresh(): Promise<Transport> {
    const files = await findTlsFiles(options);
    const isFresh = held?.stamp === files.stamp && performance.now() - held.builtAtMs < MAX_AGE_MS;
    if (held !== undefined && isFresh) return held.transport;
    const material = await readTlsMaterial(files, options.log);
    const transport = await buildTransport(material, options);
    // Requests in progress continue. Their end is not awaited, because a long poll may be one of
    // them.
    held?.transport.dispatcher.close().catch(() => undefined);
    held = { transport, stamp: files.stamp, builtAtMs: performance.now() };
    return transport;
  }

  return {
    current: () => (refreshing ??= refresh().finally(() => (refreshing = undefined))),
    close: () => {
      held?.transport.dispatcher.close().catch(() => undefined);
      held = undefined;
    },
  };
}

async function buildTransport(
  material: TlsMaterial,
  { env, timeouts, trustedFiles }: TransportOptions,
): Promise<Transport> {
  const { caPem, certPem: cert, keyPem: key } = material;
  const roots = await readSystemRoots(env, trustedFiles);
  let chainPem: string | undefined;
  const dispatcher = new Outbound({
    env,
    ca: [...roots, ...readableCertificates(caPem ?? '')],
    connectMs: timeouts.connectMs,
    identity: cert !== undefined && key !== undefined ? { cert, key } : undefined,
    connect: {
      keepAliveInitialDelay: 30_000,
      // Node calls this with the verified chain of every full handshake, through proxies too.
      checkServerIdentity: (hostname, certificate) => {
        const fault = tls.checkServerIdentity(hostname, certificate);
        if (fault === undefined) chainPem = formatPem(chainOf(certificate));
        return fault;
      },
    },
    pool: {
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: MAX_KEEP_ALIVE_MS,
      headersTimeout: timeouts.headersMs,
      bodyTimeout: timeouts.bodyMs,
    },
  });
  return { dispatcher, tls: material, peerChainPem: () => chainPem };
}

function chainOf(leaf: tls.PeerCertificate): Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<string>();
  let certificate: tls.PeerCertificate | tls.DetailedPeerCertificate | undefined = leaf;
  // A root certificate is its own issuer.
  while (certificate?.raw !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    chain.push(certificate.raw);
    certificate = 'issuerCertificate' in certificate ? certificate.issuerCertificate : undefined;
  }
  return chain;
}
