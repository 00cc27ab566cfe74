export type PullPolicy = 'always' | 'if-not-present' | 'never';

/** `[runners.docker]`. Source: gitlab-runner `common/config.go`, spec/docker-executor §1. */
export interface DockerConfig {
  readonly host: string | undefined;
  readonly tlsCertPath: string | undefined;
  readonly tlsVerify: boolean;
  readonly image: string;
  readonly helperImage: string;
  readonly pullPolicy: readonly PullPolicy[];
  readonly allowedPullPolicies: readonly PullPolicy[];
  readonly privileged: boolean;
  readonly volumes: readonly string[];
  readonly disableCache: boolean;
  readonly networkMode: string;
  readonly memoryBytes: number | undefined;
  readonly memorySwapBytes: number | undefined;
  readonly memoryReservationBytes: number | undefined;
  /** 1e9 is one core. */
  readonly nanoCpus: number | undefined;
  readonly cpusetCpus: string;
  readonly cpuShares: number;
  readonly user: string;
  readonly hostname: string;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes: number;
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly devices: readonly string[];
  readonly runtime: string;
  readonly containerLabels: Readonly<Record<string, string>>;
}
