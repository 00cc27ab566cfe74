import { jobFields } from '../../domain/build/job-fields.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { Ports } from '../../ports/index.ts';
import type { LiveBuild, ServiceLogs } from '../build/live-builds.ts';
import { defineFlag } from '../build/note.ts';
import { readServices, type StartedService } from './services.ts';

const DONE_NOTE = defineFlag('services-concluded');
const NO_LOGS: ServiceLogs = { stop: () => Promise.resolve() };

/** What it takes to copy the logs of services to the trace. */
export type ServiceLogPorts = Pick<Ports, 'builds' | 'engine' | 'log'>;

/**
 * Starts to copy the services' logs to the trace when the job wants that, unless this process
 * already does. The process may be younger than the job. Source: gitlab-runner
 * `executors/docker/services.go` (captureContainersLogs).
 */
export async function followServices(build: LiveBuild, ports: ServiceLogPorts): Promise<void> {
  if (build.serviceLogs !== undefined) return;
  const services = await readServices(build, ports);
  // Secrets are fetched before the services start.
  if (services.length === 0) return;
  const variables = buildVariables(build.context, { jobStatus: 'running' });
  const isWanted = variables.flag('CI_DEBUG_SERVICES', false);
  build.serviceLogs ??= isWanted ? begin(build, services, ports) : NO_LOGS;
}

function begin(
  build: LiveBuild,
  services: readonly StartedService[],
  ports: ServiceLogPorts,
): ServiceLogs {
  const stopping = new AbortController();
  const following = Promise.all(
    services.map(async (service) => {
      try {
        await follow(build, service, { ports, signal: stopping.signal });
      } catch (error) {
        const container = service.containerName;
        const fields = { ...jobFields(build.context), container, error };
        ports.log.warn('log of a service is not followed any more', fields);
      }
    }),
  );
  return {
    stop: async () => {
      stopping.abort();
      await following;
    },
  };
}

/** Copies a log through a file, so that the trace's own state tells how much was copied. */
async function follow(
  { context, trace }: LiveBuild,
  { index, containerId, aliases, containerName }: StartedService,
  {
    ports,
    signal,
  }: { readonly ports: Pick<Ports, 'builds' | 'engine'>; readonly signal: AbortSignal },
): Promise<void> {
  const file = await ports.builds.serviceLogFile(context.buildId, index);
  const name = aliases.join('-') || containerName;
  const copied = new AbortController();
  const copying = ports
    .engine(context.runner)
    .copyServiceLog(containerId, { file, name, signal })
    .finally(() => copied.abort());
  await Promise.all([copying, trace.followFile(`service/${index}`, file, copied.signal)]);
}

/**
 * Copies the rest of the services' output while they exist, and reports those that the kernel has
 * killed. None of their output gets into the trace afterwards.
 */
export function concludeServices(build: LiveBuild, ports: ServiceLogPorts): Promise<void> {
  return build.joined('services', async () => {
    const { buildId } = build.context;
    const services = await readServices(build, ports);
    if (services.length === 0) return;
    if (await DONE_NOTE.isSet(buildId, ports)) return;
    await followServices(build, ports);
    await build.serviceLogs?.stop();
    await printKilled(build, services, ports);
    // Invariant: lines about a noted step are durable in the trace.
    await build.trace.checkpoint();
    await DONE_NOTE.set(buildId, ports);
  });
}

async function printKilled(
  { context, trace }: LiveBuild,
  services: readonly StartedService[],
  ports: Pick<Ports, 'engine'>,
): Promise<void> {
  const engine = ports.engine(context.runner);
  const { memoryBytes } = context.runner.docker.services;
  const limit =
    memoryBytes === undefined ? '' : `, its limit is ${Math.round(memoryBytes / 1024 / 1024)} MiB`;
  for (const { index, containerId, aliases, containerName } of services) {
    // The end of a service must not delay the job's result.
    const status = await engine.inspectContainer(containerId).catch(() => undefined);
    if (status?.oomKilled !== true) continue;
    const text = `OOM killed: service ${aliases[0] ?? containerName} used up its memory${limit}`;
    await trace.appendOnce(`services/${index}/killed`, formatRunnerLine('warning', text));
  }
}
