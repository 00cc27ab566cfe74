import type { HostFields } from '../runner/host-fields.ts';

/** A container to create, in Docker's terms. Source: Engine API `POST /containers/create`. */
export interface ContainerSpec extends HostSettings {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  /** undefined keeps the image's entrypoint; `['']` resets it. */
  readonly entrypoint: readonly string[] | undefined;
  /** True: the container waits at each start for input on its stdin: see {@link withStdin}. */
  readonly opensStdin: boolean;
  /** Each is `KEY=value`. */
  readonly environment: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string;
  readonly platform: string;
  /** Each is `source:target[:options]`, as in `docker run -v`. */
  readonly binds: readonly string[];
  /** Single host files that are bind-mounted. The runner creates them, so Docker never does. */
  readonly fileMounts: readonly FileMount[];
  readonly networkAliases: readonly string[];
  readonly useInit: boolean;
}

/** The host settings of a container, which only the configuration decides. */
export interface HostSettings extends HostFields {
  readonly ulimits: readonly Ulimit[];
  readonly deviceRequests: readonly DeviceRequest[];
}

/** A limit of a container in Docker's form; -1 means unlimited. */
export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** Devices by their capabilities, such as GPUs. Source: Engine API `DeviceRequest`. */
export interface DeviceRequest {
  readonly driver: string;
  /** The number of devices; -1 means all. */
  readonly count: number;
  readonly deviceIds: readonly string[];
  /** Any one of these lists must match, with all of its members. */
  readonly capabilities: readonly (readonly string[])[];
  readonly options: Readonly<Record<string, string>>;
}

/** A host file that is bind-mounted in a container. */
export interface FileMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** A volume to create, in Docker's terms. */
export interface VolumeSpec {
  readonly name: string;
  /** Absent: Docker's default driver. */
  readonly driver?: string;
  readonly driverOptions?: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** A network to create, in Docker's terms. */
export interface NetworkSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mtu?: number;
  readonly enableIpv6?: boolean;
}
