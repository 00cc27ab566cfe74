import { collectDefaultMetrics } from 'prom-client';
import { directorySize } from '../../adapters/host/directory-size.ts';
import { openHttpServer, type OpenHttpServer } from '../../adapters/http-server/http-server.ts';
import { answerAt } from '../../adapters/http-server/routes.ts';
import type { NodeMetrics } from '../../adapters/metrics/metrics.ts';
import { openStatusSocket } from '../../adapters/metrics/status-socket.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import type { ProgramInfo } from '../../domain/context/context.ts';
import type { TemporalPlace } from '../../domain/metrics/node-status.ts';
import type { Readiness } from '../../domain/metrics/readiness.ts';
import { parseListenAddress } from '../../domain/runner/listen-address.ts';
import type { Clock, ConfigSource, Log } from '../../ports/index.ts';
import { closeQuietly, createClosers } from '../machine/closers.ts';
import { setGauges } from './gauges.ts';
import { lookAtHealth, type Peers } from './health.ts';
import { createRoutes } from './routes.ts';
import { describeNode } from './status.ts';

const DEFAULT_PORT = 9252;

export type ProcessState = 'starting' | 'running' | 'graceful-shutdown' | 'forceful-shutdown';

/** Shows the state of a node to those who ask for it. */
export interface Monitoring {
  /** From now on also checks what the node depends on. */
  attach(peers: Peers, temporal: TemporalPlace): void;
  enter(state: ProcessState): void;
  close(): Promise<void>;
}

export interface MonitoringOptions {
  readonly metrics: NodeMetrics;
  readonly config: ConfigSource;
  readonly configFault: () => string | undefined;
  readonly capacity: ResizableCapacity;
  readonly buildsDir: string;
  /** The socket at which the command `status` asks. */
  readonly statusSocket: string;
  readonly program: ProgramInfo;
  readonly clock: Clock;
  readonly log: Log;
  /** The address from the command line or config.toml. An empty text means no server. */
  readonly listenAddress: string;
  /** Returns the metrics of Temporal's SDK, in Prometheus' text format. */
  readonly temporalMetrics: () => Promise<string>;
}

/** The facts about the node itself. */
interface Self {
  processState: ProcessState;
  peers: Peers | undefined;
  temporal: TemporalPlace | undefined;
}

/** Answers the command `status`, and opens the metrics server where one is wanted. */
export async function openMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const self: Self = { processState: 'starting', peers: undefined, temporal: undefined };
  const scope = () => ({
    ...options,
    ...self,
    config: options.config.current(),
    configFault: options.configFault(),
    nowMs: options.clock.nowMs(),
  });
  const health = () => lookAtHealth(scope());
  const closers = createClosers();
  try {
    const server = await openMetricsServer({ ...options, health, self });
    if (server !== undefined) closers.add(() => server.close());
    const look = async () => describeNode({ readiness: await health(), ...scope() });
    const { statusSocket: path, log } = options;
    closers.add(await openStatusSocket({ path, log, look }));
  } catch (error) {
    await closeQuietly(closers.close, options.log);
    throw error;
  }
  return {
    attach: (peers, temporal) => void Object.assign(self, { peers, temporal }),
    enter: (state) => void (self.processState = state),
    close: closers.close,
  };
}

interface MetricsServerOptions extends MonitoringOptions {
  readonly self: Self;
  health(): Promise<Readiness>;
}

/** Opens the metrics server. An address that makes no sense is logged, and no server is opened. */
async function openMetricsServer(
  options: MetricsServerOptions,
): Promise<OpenHttpServer | undefined> {
  const { metrics, log, listenAddress, clock, self, health } = options;
  const address = parseListenAddress(listenAddress, DEFAULT_PORT);
  if (address === undefined) {
    if (listenAddress !== '') {
      log.error('listen_address is no address, there is no metrics server', {
        listen_address: listenAddress,
      });
    }
    return undefined;
  }
  describeVersion(options);
  collectDefaultMetrics({ register: metrics.registry.registry });
  const scrape = async (): Promise<string> => {
    const spoolBytes = await directorySize(options.buildsDir);
    const { processState } = self;
    const config = options.config.current();
    setGauges({ ...options, config, processState, spoolBytes, nowMs: clock.monotonicMs() });
    return (await metrics.registry.format()) + (await options.temporalMetrics());
  };
  const routes = createRoutes({
    metrics,
    scrape,
    health,
    processState: () => self.processState,
    nowMs: () => clock.nowMs(),
  });
  const server = await openHttpServer({
    ...address,
    log,
    name: 'metrics server',
    setting: 'listen_address',
    answer: answerAt(routes),
  });
  log.info('metrics server listening', { listen_address: listenAddress, port: server.port });
  return server;
}

function describeVersion({ metrics: { registry }, program }: MonitoringOptions): void {
  const { name, version, revision, platform } = program;
  const [os = '', architecture = ''] = platform.split('/');
  registry.set(
    'gitlab_runner_version_info',
    {
      name,
      version,
      revision,
      os,
      architecture,
      branch: 'HEAD',
      built_at: '',
      go_version: `node${process.versions.node}`,
    },
    1,
  );
}

/** Wraps the log to count the lines that operators alert on. */
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
