import { NO_LIMITS, type ContainerLimits } from './container-limits.ts';

/**
 * The host settings of a container that have the same form in config.toml and in Docker's terms.
 * Empty values keep Docker's defaults.
 */
export interface HostFields extends ContainerLimits {
  readonly hostname: string;
  readonly networkMode: string;
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly privileged: boolean;
  readonly cpusetMems: string;
  readonly oomKillDisable: boolean;
  readonly oomScoreAdjust: number;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly pidMode: string;
  readonly ipcMode: string;
  readonly usernsMode: string;
  readonly isolation: string;
  readonly groupAdd: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly extraHosts: readonly string[];
  readonly links: readonly string[];
  /** `02:42:…`, or empty. */
  readonly macAddress: string;
  readonly shmSizeBytes: number;
  readonly devices: readonly string[];
  readonly deviceCgroupRules: readonly string[];
  readonly volumesFrom: readonly string[];
  readonly volumeDriver: string;
  /** Options of Docker's json-file log. */
  readonly logOptions: Readonly<Record<string, string>>;
  readonly runtime: string;
}

/** The settings that ask for nothing from the host. */
export const NO_HOST_FIELDS: HostFields = {
  ...NO_LIMITS,
  hostname: '',
  networkMode: '',
  tmpfs: {},
  privileged: false,
  cpusetMems: '',
  oomKillDisable: false,
  oomScoreAdjust: 0,
  sysctls: {},
  pidMode: '',
  ipcMode: '',
  usernsMode: '',
  isolation: '',
  groupAdd: [],
  capAdd: [],
  capDrop: [],
  securityOpt: [],
  dns: [],
  dnsSearch: [],
  extraHosts: [],
  links: [],
  macAddress: '',
  shmSizeBytes: 0,
  devices: [],
  deviceCgroupRules: [],
  volumesFrom: [],
  volumeDriver: '',
  logOptions: {},
  runtime: '',
};
