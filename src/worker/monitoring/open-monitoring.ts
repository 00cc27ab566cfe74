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
  /**
   * The address at which Temporal's SDK shows its own metrics; undefined when nobody asks for them.
   */
  readonly metricsAddress: string | undefined;
}

type NodeMonitoringOptions = Omit<MonitoringOptions, 'temporalMetrics'>;

/**
 * Opens the monitoring of a node. This happens before Temporal's SDK is loaded, because the SDK
 * must be told the address of its metrics.
 */
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

/**
 * Returns the checks that the node also makes before it takes a job. They log their results
 * themselves.
 */
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
