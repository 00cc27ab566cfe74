import { createSecureContext } from 'node:tls';
import { Agent, Dispatcher, ProxyAgent } from 'undici';
import { proxyFor, type Environment } from './proxy.ts';

export interface OutboundOptions {
  /** HTTP_PROXY and the related variables. */
  readonly env: Environment;
  /** All PEM certificates to trust, because they replace Node's own. */
  readonly ca: readonly string[];
  readonly connectMs: number;
}

/**
 * Connects to the address of each request, directly or through its proxy. One rule applies to all
 * requests of this program: see `proxyFor`.
 */
export class Outbound extends Dispatcher {
  readonly #options: OutboundOptions;
  readonly #agents = new Map<string, Dispatcher>();
  readonly #connect: object;

  constructor(options: OutboundOptions) {
    super();
    this.#options = options;
    const secureContext = createSecureContext({ minVersion: 'TLSv1.2', ca: [...options.ca] });
    // Set explicitly, so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off.
    this.#connect = { secureContext, rejectUnauthorized: true, timeout: options.connectMs };
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
    const connect = this.#connect;
    if (proxy === '') return new Agent({ connect });
    const timeout = this.#options.connectMs;
    return new ProxyAgent({
      ...{ uri: proxy, requestTls: connect, proxyTls: connect, connect: { timeout } },
      // As in other clients, plain http goes through a proxy by its absolute URL.
      proxyTunnel: false,
    });
  }
}
