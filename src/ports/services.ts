/** The part of Docker that services need. */
export interface ServiceEngine {
  /** Returns the service's addresses and ports; undefined when there is no such container. */
  inspectEndpoint(idOrName: string): Promise<ContainerEndpoint | undefined>;
  /**
   * Appends a service's log, as lines for the trace, to an existing file on the node, and continues
   * where the file ends. Returns when the container has ended or is gone. After an abort it returns
   * when the file has everything that Docker had by then.
   */
  copyServiceLog(idOrName: string, copy: ServiceLogCopy): Promise<void>;
}

/** Where a container can be reached. */
export interface ContainerEndpoint {
  /**
   * Its addresses in all its networks, IPv4 first. Empty when the container does not run, or shares
   * another container's network.
   */
  readonly addresses: readonly string[];
  readonly exposedTcpPorts: readonly number[];
  /** `KEY=value`, including the variables of its image. */
  readonly environment: readonly string[];
}

/** Where a service's log is copied to. */
export interface ServiceLogCopy {
  /** Path of the file on the node. */
  readonly file: string;
  /** The name of the service in each line. */
  readonly name: string;
  readonly signal: AbortSignal;
}
