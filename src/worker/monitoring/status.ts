import type { NodeMetrics } from '../../adapters/metrics/metrics.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import type { ProgramInfo } from '../../domain/context/context.ts';
import {
  slotUse,
  type ContactStatus,
  type NodeStatus,
  type RunnerStatus,
  type TemporalPlace,
} from '../../domain/metrics/node-status.ts';
import { isServed, wordsOfAnswer, type Readiness } from '../../domain/metrics/readiness.ts';
import type { InstallationConfig, RunnerConfig } from '../../domain/runner/config.ts';

export interface StatusScope {
  readonly metrics: NodeMetrics;
  readonly config: InstallationConfig;
  readonly capacity: Pick<ResizableCapacity, 'concurrent' | 'buildsAlive' | 'requestsInFlight'>;
  readonly program: ProgramInfo;
  readonly processState: string;
  readonly temporal: TemporalPlace | undefined;
  readonly readiness: Readiness;
  readonly nowMs: number;
}

/** Describes the state of a node for the command `status`. */
export function describeNode(scope: StatusScope): NodeStatus {
  const { config, capacity, program, processState, temporal, readiness } = scope;
  return {
    version: program.version,
    pid: process.pid,
    state: processState,
    uptimeSeconds: Math.round(process.uptime()),
    ...(temporal !== undefined && { temporal }),
    slots: slotUse(capacity),
    ...readiness,
    runners: config.runners.map((runner) => describeRunner(runner, scope)),
  };
}

function describeRunner({ key, name }: RunnerConfig, scope: StatusScope): RunnerStatus {
  const { jobs, runners } = scope.metrics;
  const { requestsUnderWay, queue } = runners.read(key);
  return {
    key,
    name,
    requests: requestsUnderWay,
    ...runners.readWaits(key),
    running: jobs.list().filter(({ context }) => context.runner.key === key).length,
    waiting: queue?.size,
    lastContact: describeContact(key, scope),
  };
}

function describeContact(key: string, { metrics, nowMs }: StatusScope): ContactStatus | undefined {
  const { lastContact } = metrics.runners.read(key);
  if (lastContact === undefined) return undefined;
  const { atMs, status } = lastContact;
  return {
    secondsAgo: Math.max(0, Math.round((nowMs - atMs) / 1000)),
    status,
    isServed: isServed(status),
    words: wordsOfAnswer(status),
  };
}
