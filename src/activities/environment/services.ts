import type { EnvironmentPlan } from '../../domain/executor/environment.ts';
import { needsLinks, portsToCheck } from '../../domain/executor/service-check.ts';
import type { PlannedService } from '../../domain/executor/services.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';
import { together } from '../build/together.ts';
import { assertLease } from '../build/lease.ts';

/** A service that was started, as the build's record keeps it. */
export interface StartedService {
  readonly index: number;
  readonly containerId: string;
  readonly containerName: string;
  readonly aliases: readonly string[];
  readonly addresses: readonly string[];
  /** Where it is to be asked whether it listens. */
  readonly ports: readonly number[];
}

export interface ServicesOptions {
  readonly plan: EnvironmentPlan;
  /** References or ids to create the containers from, by the index of the service. */
  readonly images: ReadonlyMap<number, string>;
  readonly ports: Ports;
  readonly signal: AbortSignal;
}

const STARTED_NOTE = 'services';
const SHORT_ID_LENGTH = 12;

/** Says which services are to be started, before anything is pulled for them. */
export async function announceServices({ trace }: LiveBuild, plan: EnvironmentPlan): Promise<void> {
  for (const { index, title } of plan.services) {
    const line = formatRunnerLine('plain', `Starting service ${title}...`);
    await trace.appendOnce(`services/${index}/start`, line);
  }
}

/**
 * Creates and starts all services, and notes where they are. Done again after a crash, it finds
 * what runs by name and label. Invariant: no service is started twice, also one that has ended.
 */
export async function startServices(build: LiveBuild, options: ServicesOptions): Promise<void> {
  const { plan, ports, signal } = options;
  const { buildId } = build.context;
  if (plan.services.length === 0) return;
  await assertLease(build, ports);
  const engine = ports.engine(build.context.runner);
  const started: StartedService[] = [];
  await together(
    signal,
    plan.services.map((service) => async () => {
      started.push(await startService(service, options.images.get(service.index) ?? '', engine));
    }),
  );
  started.sort((a, b) => a.index - b.index);
  await ports.builds.writeNote(buildId, STARTED_NOTE, started);
}

async function startService(
  service: PlannedService,
  image: string,
  engine: ContainerEngine,
): Promise<StartedService> {
  const { index, containerName, aliases } = service;
  const containerId = await engine.createContainer(service.container(image));
  const status = await engine.inspectContainer(containerId);
  if (status?.state === 'created') await engine.startContainer(containerName);
  const endpoint = await engine.inspectEndpoint(containerId);
  return {
    ...{ index, containerId, containerName, aliases },
    addresses: endpoint?.addresses ?? [],
    ports: portsToCheck(endpoint?.environment ?? [], endpoint?.exposedTcpPorts ?? []),
  };
}

/** The services that were started for a build, by whatever process. */
export async function readServices(
  { context }: LiveBuild,
  { builds }: Ports,
): Promise<readonly StartedService[]> {
  const started = await builds.readNote(context.buildId, STARTED_NOTE);
  // Written above, by this release or an earlier one.
  return (started ?? []) as readonly StartedService[];
}

/** `name:address` of each service, where Docker's network has no names of its own. */
export function linksTo(
  { network }: EnvironmentPlan,
  started: readonly StartedService[],
  networkMode: string,
): readonly string[] {
  if (network !== undefined || !needsLinks(networkMode)) return [];
  return started.flatMap(({ containerId, aliases, addresses }) =>
    [containerId.slice(0, SHORT_ID_LENGTH), ...aliases].flatMap((name) =>
      addresses.map((address) => `${name}:${address}`),
    ),
  );
}
