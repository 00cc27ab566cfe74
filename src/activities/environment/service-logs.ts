import { jobFields } from '../../domain/build/job-fields.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { Ports } from '../../ports/index.ts';
import type { LiveBuild, ServiceLogs } from '../build/live-builds.ts';
import { defineMark } from '../build/note.ts';
import { readServices, type StartedService } from './services.ts';

const DONE_NOTE = defineMark('services-concluded');
const NO_LOGS: ServiceLogs = { stop: () => Promise.resolve() };

/**
 * Begins to take the services' logs into the trace, when the job wants that and this process does
 * not do it yet: it may have been started while the job ran.
 * Source: gitlab-runner `executors/docker/services.go` (captureContainersLogs).
 */
export async function followServices(build: LiveBuild, ports: Ports): Promise<void> {
  if (build.serviceLogs !== undefined) return;
  const variables = buildVariables(build.context, { jobStatus: 'running' });
  const services = await readServices(build, ports);
  const isWanted = services.length > 0 && variables.flag('CI_DEBUG_SERVICES', false);
  build.serviceLogs ??= isWanted ? begin(build, services, ports) : NO_LOGS;
}

function begin(build: LiveBuild, services: readonly StartedService[], ports: Ports): ServiceLogs {
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

/** By way of a file, from which the trace knows by its own record how far it has come. */
async function follow(
  { context, trace }: LiveBuild,
  { index, containerId, aliases, containerName }: StartedService,
  { ports, signal }: { readonly ports: Ports; readonly signal: AbortSignal },
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
 * Takes what the services have still to say, while they are there, and tells of those that the
 * kernel has ended. Nothing of them comes into the trace after it.
 */
export function concludeServices(build: LiveBuild, ports: Ports): Promise<void> {
  return build.joined('services', async () => {
    const { buildId } = build.context;
    const services = await readServices(build, ports);
    if (services.length === 0) return;
    if (await DONE_NOTE.isSet(buildId, ports)) return;
    await followServices(build, ports);
    await build.serviceLogs?.stop();
    await sayKilled(build, services, ports);
    // Invariant: what the note says to be over is in the trace for good.
    await build.trace.checkpoint();
    await DONE_NOTE.set(buildId, ports);
  });
}

async function sayKilled(
  { context, trace }: LiveBuild,
  services: readonly StartedService[],
  ports: Ports,
): Promise<void> {
  const engine = ports.engine(context.runner);
  const { memoryBytes } = context.runner.docker.services;
  const limit =
    memoryBytes === undefined ? '' : `, its limit is ${Math.round(memoryBytes / 1024 / 1024)} MiB`;
  for (const { index, containerId, aliases, containerName } of services) {
    // Its end is no reason to keep the job's result back.
    const status = await engine.inspectContainer(containerId).catch(() => undefined);
    if (status?.oomKilled !== true) continue;
    const text = `OOM killed: service ${aliases[0] ?? containerName} used up its memory${limit}`;
    await trace.appendOnce(`services/${index}/killed`, formatRunnerLine('warning', text));
  }
}
