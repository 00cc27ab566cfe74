import { nodeNameOf } from '../../domain/runner/node-name.ts';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { isTracingWanted, openTracer } from '../../adapters/tracing/tracer.ts';
import type { Ports } from '../../ports/index.ts';
import type { Closers } from '../machine/closers.ts';
import { traceActivities } from './trace-activities.ts';

type TracedPorts = Pick<Ports, 'builds' | 'clock' | 'log' | 'nodeQueue' | 'program' | 'visibility'>;

/** Opens tracing. Returns no interceptors unless the environment has the OTEL variables. */
export async function openTracing(
  env: Readonly<Record<string, string | undefined>>,
  ports: TracedPorts,
  closers: Closers,
): Promise<readonly ActivityInterceptorsFactory[]> {
  if (!isTracingWanted(env)) return [];
  const { builds, clock, log, program, visibility } = ports;
  const node = nodeNameOf(ports.nodeQueue);
  const warn = (message: string): void => log.warn('message of OpenTelemetry', { message });
  const tracer = await openTracer({ env, version: program.version, node, warn });
  closers.add(() => tracer.close());
  log.info('traces are sent by OpenTelemetry', {});
  const { showsNames } = visibility;
  return [traceActivities({ tracer, builds, clock, log, node, showsNames })];
}
