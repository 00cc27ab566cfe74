/**
 * What a container may use of its host. Empty values set no limit. Source: gitlab-runner
 * `common/config.go`, Engine API `HostConfig`.
 */
export interface ContainerLimits {
  readonly memoryBytes: number | undefined;
  readonly memorySwapBytes: number | undefined;
  readonly memoryReservationBytes: number | undefined;
  /** Billionths of a core. */
  readonly nanoCpus: number | undefined;
  readonly cpusetCpus: string;
  readonly cpuShares: number;
  readonly cgroupParent: string;
}

/** A container that may use all of its host. */
export const NO_LIMITS: ContainerLimits = {
  memoryBytes: undefined,
  memorySwapBytes: undefined,
  memoryReservationBytes: undefined,
  nanoCpus: undefined,
  cpusetCpus: '',
  cpuShares: 0,
  cgroupParent: '',
};

/** The limits among other settings. */
export function limitsOf(settings: ContainerLimits): ContainerLimits {
  const { memoryBytes, memorySwapBytes, memoryReservationBytes } = settings;
  const { nanoCpus, cpusetCpus, cpuShares, cgroupParent } = settings;
  return {
    memoryBytes,
    memorySwapBytes,
    memoryReservationBytes,
    nanoCpus,
    cpusetCpus,
    cpuShares,
    cgroupParent,
  };
}
