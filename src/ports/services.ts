// Types only, as in ../ports.ts: what services need of Docker.

/** Part of the container engine. */
export interface ServiceEngine {
  /** Where it can be reached; undefined when there is no such container. */
  inspectEndpoint(idOrName: string): Promise<ContainerEndpoint | undefined>;
  /**
   * Copies a service's log, as lines for the trace, into a file of this host that exists, and goes
   * on where that ends. Returns when the container has ended, or is gone; after an abort, when all
   * that Docker had by then is in the file.
   */
  copyServiceLog(idOrName: string, copy: ServiceLogCopy): Promise<void>;
}

export interface ContainerEndpoint {
  /** In all its networks, IPv4 first. None when it does not run or shares another's network. */
  readonly addresses: readonly string[];
  readonly exposedTcpPorts: readonly number[];
  /** `KEY=value`, those of its image too. */
  readonly environment: readonly string[];
}

export interface ServiceLogCopy {
  /** Host path. */
  readonly file: string;
  /** As each line names the service. */
  readonly name: string;
  readonly signal: AbortSignal;
}
