import { createSecureContext, type ConnectionOptions } from 'node:tls';
import { Agent, Dispatcher, ProxyAgent } from 'undici';
import { proxyFor, type Environment } from './proxy.ts';
import { readSystemRoots } from './system-roots.ts';

export interface OutboundOptions {
  /** The variables for proxies: HTTP_PROXY and the related ones. */
  readonly env: Environment;
  /** All PEM certificates to trust, because they replace Node's own. */
  readonly ca: readonly string[];
  readonly connectMs: number;
  /** Certificate and key of this machine, in PEM. */
  readonly identity?: { readonly cert: string; readonly key: string } | undefined;
  /** Further settings of the connections to servers, not to proxies. */
  readonly connect?: Pick<ConnectionOptions, 'checkServerIdentity'> & {
    readonly keepAliveInitialDelay?: number;
  };
  /** Time limits of the connections. */
  readonly pool?: Pick<
    Agent.Options,
    'keepAliveTimeout' | 'keepAliveMaxTimeout' | 'headersTimeout' | 'bodyTimeout'
  >;
}

/**
 * Connects to the address of each request, directly or through its proxy. One rule applies to all
 * requests of this program: see `proxyFor`.
 */
export class Outbound extends Dispatcher {
  readonly #options: OutboundOptions;
  readonly #agents = new Map<string, Dispatcher>();
  readonly #tls: object;

  constructor(options: OutboundOptions) {
    super();
    this.#options = options;
    const { ca, identity, connectMs } = options;
    // All connections share one context, because parsing hundreds of roots is expensive.
    const secureContext = createSecureContext({ minVersion: 'TLSv1.2', ca: [...ca], ...identity });
    // This is set explicitly, so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off.
    this.#tls = { secureContext, rejectUnauthorized: true, timeout: connectMs };
  }

  override dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    return this.#agentOf(options.origin).dispatch(options, handler);
  }

  override async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
  }

  override async destroy(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  #agentOf(origin: string | URL | undefined): Dispatcher {
    const proxy = proxyFor(new URL(origin ?? ''), this.#options.env) ?? '';
    const agent = this.#agents.get(proxy) ?? this.#open(proxy);
    this.#agents.set(proxy, agent);
    return agent;
  }

  #open(proxy: string): Dispatcher {
    const { connectMs, connect: settings, pool } = this.#options;
    const connect = { ...this.#tls, ...settings };
    if (proxy === '') return new Agent({ ...pool, connect });
    return new ProxyAgent({
      ...pool,
      uri: proxy,
      requestTls: connect,
      proxyTls: this.#tls,
      connect: { timeout: connectMs },
      // As in other clients, plain http goes through a proxy by its absolute URL.
      proxyTunnel: false,
    });
  }
}

/**
 * Opens connections that trust what this machine trusts, and the certificates in these files.
 * Missing files are ignored.
 */
export async function openOutbound(
  env: Environment,
  {
    connectMs,
    trustedFiles,
  }: { readonly connectMs: number; readonly trustedFiles?: readonly string[] | undefined },
): Promise<Outbound> {
  return new Outbound({ env, ca: await readSystemRoots(env, trustedFiles), connectMs });
}
