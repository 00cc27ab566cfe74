import type { EnvironmentPlan } from '../../domain/executor/environment.ts';
import { portsToCheck } from '../../domain/executor/service-check.ts';
import type { PlannedService } from '../../domain/executor/services.ts';
import { isObject } from '../../domain/is-object.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';
import { assertLease, type ConfirmPorts } from '../build/lease.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineNote } from '../build/note.ts';
import { together } from '../build/together.ts';

/** What it takes to start services and to wait for them. */
export type ServicePorts = ConfirmPorts & Pick<Ports, 'builds' | 'engine'>;

/** A service that was started, as the build's record keeps it. */
export interface StartedService {
  readonly index: number;
  readonly containerId: string;
  readonly containerName: string;
  readonly aliases: readonly string[];
  readonly addresses: readonly string[];
  /** The ports at which it is checked. */
  readonly ports: readonly number[];
}

export interface ServicesOptions {
  readonly plan: EnvironmentPlan;
  /** References or ids to create the containers from, by the index of the service. */
  readonly images: ReadonlyMap<number, string>;
  readonly ports: ServicePorts;
  readonly signal: AbortSignal;
}

const STARTED_NOTE = defineNote('services', parseServices);
const SHORT_ID_LENGTH = 12;

/** Prints which services will be started, before their images are pulled. */
export async function announceServices({ trace }: LiveBuild, plan: EnvironmentPlan): Promise<void> {
  for (const { index, title } of plan.services) {
    const line = formatRunnerLine('plain', `Starting service ${title}...`);
    await trace.appendOnce(`services/${index}/start`, line);
  }
}

/**
 * Creates and starts all services, and notes their addresses. After a crash it finds running ones
 * by name and label. Invariant: no service is started twice here, even one that has ended: see
 * `restartServices`.
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
  await STARTED_NOTE.write(buildId, started, ports);
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
  return withEndpoint({ index, containerId, containerName, aliases }, engine);
}

async function withEndpoint(
  service: Omit<StartedService, 'addresses' | 'ports'>,
  engine: ContainerEngine,
): Promise<StartedService> {
  const endpoint = await engine.inspectEndpoint(service.containerId);
  return {
    ...service,
    addresses: endpoint?.addresses ?? [],
    ports: portsToCheck(endpoint?.environment ?? [], endpoint?.exposedTcpPorts ?? []),
  };
}

/** Notes the addresses of services that were started again, and returns the services. */
export async function noteNewAddresses(
  build: LiveBuild,
  ports: ServicePorts,
): Promise<readonly StartedService[]> {
  const { buildId, runner } = build.context;
  const engine = ports.engine(runner);
  const former = await readServices(build, ports);
  const services = await Promise.all(former.map((service) => withEndpoint(service, engine)));
  await STARTED_NOTE.write(buildId, services, ports);
  return services;
}

/** The services that any process has started for a build. */
export async function readServices(
  { context }: LiveBuild,
  ports: Pick<Ports, 'builds'>,
): Promise<readonly StartedService[]> {
  return (await STARTED_NOTE.read(context.buildId, ports)) ?? [];
}

function parseServices(value: unknown): readonly StartedService[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const services = value.map(parseService).filter((service) => service !== undefined);
  return services.length === value.length ? services : undefined;
}

function parseService(value: unknown): StartedService | undefined {
  if (!isObject(value)) return undefined;
  const { index, containerId, containerName, aliases, addresses, ports } = value;
  if (typeof index !== 'number' || typeof containerId !== 'string') return undefined;
  if (typeof containerName !== 'string' || !isTexts(aliases) || !isTexts(addresses))
    return undefined;
  if (!Array.isArray(ports) || !ports.every((port) => typeof port === 'number')) return undefined;
  return { index, containerId, containerName, aliases, addresses, ports };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

/**
 * Returns `name:address` of each service, except in a network of the build's own, whose DNS has the
 * names. In a network that other jobs use too, DNS would answer with their services as well.
 * Services in the network of the host, of another container or in none have no addresses. Source:
 * gitlab-runner `executors/docker/services.go` (createServices).
 */
export function linksTo(
  { network }: EnvironmentPlan,
  started: readonly StartedService[],
): readonly string[] {
  if (network !== undefined) return [];
  return started.flatMap(({ containerId, aliases, addresses }) =>
    [containerId.slice(0, SHORT_ID_LENGTH), ...aliases].flatMap((name) =>
      addresses.map((address) => `${name}:${address}`),
    ),
  );
}
