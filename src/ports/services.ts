/** The part of Docker that services need. */
export interface ServiceEngine {
  /** The service's addresses and ports; undefined when there is no such container. */
  inspectEndpoint(idOrName: string): Promise<ContainerEndpoint | undefined>;
  /**
   * Appends a service's log, as lines for the trace, to an existing host file, and continues where
   * the file ends. Returns when the container has ended or is gone. After an abort it returns when
   * the file has everything that Docker had by then.
   */
  copyServiceLog(idOrName: string, copy: ServiceLogCopy): Promise<void>;
}

/** Where a container can be reached. */
export interface ContainerEndpoint {
  /**
   * In all its networks, IPv4 first. Empty when it does not run or shares another container's
   * network.
   */
  readonly addresses: readonly string[];
  readonly exposedTcpPorts: readonly number[];
  /** `KEY=value`, including those of its image. */
  readonly environment: readonly string[];
}

/** Where a service's log is copied to. */
export interface ServiceLogCopy {
  /** Host path. */
  readonly file: string;
  /** The name of the service in each line. */
  readonly name: string;
  readonly signal: AbortSignal;
}
