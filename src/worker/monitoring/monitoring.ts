import { collectDefaultMetrics } from 'prom-client';
import { directorySize } from '../../adapters/host/directory-size.ts';
import { openHttpServer } from '../../adapters/metrics/http-server.ts';
import type { NodeMetrics } from '../../adapters/metrics/metrics.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import type { ProgramInfo } from '../../domain/context/context.ts';
import { parseListenAddress } from '../../domain/runner/listen-address.ts';
import type { Clock, ConfigSource, Log } from '../../ports/index.ts';
import { setGauges } from './gauges.ts';
import { lookAtHealth, type Peers } from './health.ts';
import { createRoutes } from './routes.ts';

const DEFAULT_PORT = 9252;

export type ProcessState = 'starting' | 'running' | 'graceful-shutdown' | 'forceful-shutdown';

/** What a node shows of itself to those who ask it. */
export interface Monitoring {
  /** From here on what the node depends on is asked as well. */
  attach(peers: Peers): void;
  enter(state: ProcessState): void;
  close(): Promise<void>;
}

export interface MonitoringOptions {
  readonly metrics: NodeMetrics;
  readonly config: ConfigSource;
  readonly configFault: () => string | undefined;
  readonly capacity: ResizableCapacity;
  readonly buildsDir: string;
  readonly program: ProgramInfo;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the command line or config.toml; '' is no server. */
  readonly listenAddress: string;
  /** Of Temporal's SDK, in Prometheus' text format. */
  readonly temporalMetrics: () => Promise<string>;
}

/** Opens the metrics server where one is wanted. An address that makes no sense is told and opens none. */
export async function openMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const { metrics, log, listenAddress } = options;
  let processState: ProcessState = 'starting';
  let peers: Peers | undefined;
  const scope = () => ({ ...options, config: options.config.current(), processState });
  const scrape = async (): Promise<string> => {
    const spoolBytes = await directorySize(options.buildsDir);
    setGauges({ ...scope(), spoolBytes, nowMs: options.clock.monotonicMs() });
    return (await metrics.registry.format()) + (await options.temporalMetrics());
  };
  const health = () =>
    lookAtHealth({
      ...scope(),
      ...{ configFault: options.configFault(), nowMs: options.clock.nowMs(), peers },
    });
  const rest = {
    attach: (given: Peers) => void (peers = given),
    enter: (state: ProcessState) => void (processState = state),
  };
  const address = parseListenAddress(listenAddress, DEFAULT_PORT);
  if (address === undefined) {
    if (listenAddress !== '') {
      log.error('listen_address is no address, there is no metrics server', {
        listen_address: listenAddress,
      });
    }
    return { ...rest, close: () => Promise.resolve() };
  }
  describeVersion(options);
  collectDefaultMetrics({ register: metrics.registry.registry });
  const routes = createRoutes({
    ...{ metrics, scrape, health, processState: () => processState },
    nowMs: () => options.clock.nowMs(),
  });
  const server = await openHttpServer({ ...address, routes, log });
  log.info('metrics server listening', { listen_address: listenAddress, port: server.port });
  return { ...rest, close: () => server.close() };
}

function describeVersion({ metrics: { registry }, program }: MonitoringOptions): void {
  const { name, version, revision, platform } = program;
  const [os = '', architecture = ''] = platform.split('/');
  registry.set(
    'gitlab_runner_version_info',
    {
      ...{ name, version, revision, os, architecture },
      ...{ branch: 'HEAD', built_at: '', go_version: `node${process.versions.node}` },
    },
    1,
  );
}

/** Counts the lines that operators alert on. */
export function countErrors<T extends Log>(log: T, { registry }: NodeMetrics): T {
  for (const level of ['warning', 'error', 'fatal', 'panic']) {
    registry.add('gitlab_runner_errors_total', { level }, 0);
  }
  return {
    ...log,
    warn: (...said) => {
      registry.add('gitlab_runner_errors_total', { level: 'warning' });
      log.warn(...said);
    },
    error: (...said) => {
      registry.add('gitlab_runner_errors_total', { level: 'error' });
      log.error(...said);
    },
  };
}
