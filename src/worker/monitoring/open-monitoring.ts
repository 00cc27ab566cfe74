import {
  createTemporalMetrics,
  findLoopbackAddress,
} from '../../adapters/metrics/temporal-metrics.ts';
import { createDockerCheck } from '../../activities/environment/docker-answers.ts';
import type { Ports } from '../../ports/index.ts';
import type { Peers } from './health.ts';
import { openMonitoring, type Monitoring, type MonitoringOptions } from './monitoring.ts';

export interface NodeMonitoring {
  readonly monitoring: Monitoring;
  /** For Temporal's SDK to show its own metrics at; undefined where nobody asks for them. */
  readonly metricsAddress: string | undefined;
}

type NodeMonitoringOptions = Omit<MonitoringOptions, 'temporalMetrics'>;

/** Opens what a node shows of itself, before Temporal's SDK is loaded, which has to be told where. */
export async function openNodeMonitoring(options: NodeMonitoringOptions): Promise<NodeMonitoring> {
  const { listenAddress, log } = options;
  const metricsAddress = listenAddress === '' ? undefined : await findLoopbackAddress();
  const temporalMetrics =
    metricsAddress === undefined
      ? () => Promise.resolve('')
      : createTemporalMetrics(metricsAddress, log);
  const monitoring = await openMonitoring({ ...options, temporalMetrics });
  return { monitoring, metricsAddress };
}

const SILENT = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** The same questions that the node asks before it takes a job; what they come to is told elsewhere. */
export function peersOf({
  temporalHealth,
  engine,
  clock,
}: Pick<Ports, 'temporalHealth' | 'engine' | 'clock'>): Peers {
  return {
    isTemporalThere: () => temporalHealth.isThere(),
    isDockerThere: createDockerCheck({ engine, clock, log: SILENT }),
  };
}
