/** A container to create, in Docker's terms. Source: Engine API `POST /containers/create`. */
export interface ContainerSpec extends HostSettings {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  /** undefined keeps the image's; `['']` resets it. */
  readonly entrypoint: readonly string[] | undefined;
  /** `KEY=value` */
  readonly environment: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string;
  readonly platform: string;
  /** `source:target[:options]`, as in `docker run -v`. */
  readonly binds: readonly string[];
  /** Single files of the host, bind-mounted; made by the runner, so never auto-created by Docker. */
  readonly fileMounts: readonly FileMount[];
  readonly networkAliases: readonly string[];
  readonly useInit: boolean;
}

/** What a container gets of its host, by the configuration alone. Empty values are left to Docker. */
export interface HostSettings {
  readonly hostname: string;
  readonly networkMode: string;
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly privileged: boolean;
  readonly memoryBytes: number | undefined;
  readonly memorySwapBytes: number | undefined;
  readonly memoryReservationBytes: number | undefined;
  readonly nanoCpus: number | undefined;
  readonly cpusetCpus: string;
  readonly cpuShares: number;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes: number;
  readonly devices: readonly string[];
  readonly runtime: string;
}

export interface FileMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface VolumeSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface NetworkSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}
