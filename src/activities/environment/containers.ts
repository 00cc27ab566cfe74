import {
  planEnvironment,
  type ContainerPlace,
  type EnvironmentPlan,
} from '../../domain/executor/environment.ts';
import type { ReadyContainer } from '../../domain/executor/ready-container.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { ContainerEngine, ContainerStatus, Ports } from '../../ports/index.ts';
import type { AuthPorts } from './registry-auth.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineNote, parseNumber } from '../build/note.ts';
import { together } from '../build/together.ts';
import { openEarlyStarts, type CreatedContainer } from './early-start.ts';
import { resolveImage, type ResolvedImage } from './images.ts';
import { restartLostServices, restartServices } from './restart-services.ts';
import { followServices, type ServiceLogPorts } from './service-logs.ts';
import { waitForServices } from './service-wait.ts';
import {
  announceServices,
  linksTo,
  noteNewAddresses,
  readServices,
  startServices,
  type ServicePorts,
} from './services.ts';

/** What it takes to plan a build's environment. */
export type PlanPorts = Pick<Ports, 'digests'>;

/** What it takes to create its containers and everything that they need. */
export type ContainerPorts = AuthPorts & ServiceLogPorts & ServicePorts & Pick<Ports, 'cacheUses'>;

export function planFor({ context }: LiveBuild, { digests }: PlanPorts): EnvironmentPlan {
  const variables = buildVariables(context, { jobStatus: 'running' });
  return planEnvironment({ context, variables, digests });
}

export interface EnvironmentOptions {
  readonly plan: EnvironmentPlan;
  readonly ports: ContainerPorts;
  /** Aborts an image pull, and the wait for services. */
  readonly signal: AbortSignal;
}

export interface RecreateOptions extends EnvironmentOptions {
  /** Set when the container replaces another one of the build, in which nothing has run. */
  readonly replaced?: ReplacedContainer | undefined;
}

export interface ReplacedContainer {
  /** What it was made from; undefined when this process does not know that. */
  readonly image: ResolvedImage | undefined;
}

/** When destroying the environment began, in milliseconds: nothing is created after it. */
export const DESTROY_NOTE = defineNote('destroy', parseNumber);

/**
 * Creates a build's containers and everything that they need, unless they exist. A repeated call
 * after a crash finds by name and label what was created before. Starts services and waits for
 * them. Starts containers that wait, but never a stage. Invariant: this runs as the build's
 * `CREATE_CONTAINERS`, which the clean-up waits for.
 */
export async function createEnvironment(
  build: LiveBuild,
  options: EnvironmentOptions,
): Promise<void> {
  const { plan, ports, signal } = options;
  await assertNotDestroyed(build, ports);
  await announceServices(build, plan);
  const images = await ensureImagesVolumesNetwork(build, options);
  signal.throwIfAborted();
  if (plan.services.length > 0) await restartServices(build, { plan, ports });
  await startServices(build, { plan, images: images.services, ports, signal });
  await followServices(build, ports);
  const services = await readServices(build, ports);
  const links = linksTo(plan, services);
  const helperImage = images.places.get('helper')?.reference ?? '';
  const engine = ports.engine(build.context.runner);
  const starts = openEarlyStarts(build, { engine, ports, signal });
  await together(signal, [
    async (either) => {
      const creating = placesOf(plan).map((place) => async () => {
        const created = await createContainer(build, {
          ...{ plan, ports, place, images: images.places, links },
        });
        await makeFiles(engine, created);
        starts.created(created);
      });
      await together(either, creating);
      await starts.allCreated();
    },
    async (either) => {
      await waitForServices(build, { plan, services, helperImage, ports, signal: either });
    },
  ]);
}

/**
 * Creates one container of a build again. The services were started before. The invariant of
 * `createEnvironment` holds here too.
 */
export async function recreateContainer(
  build: LiveBuild,
  place: ContainerPlace,
  { plan, ports, signal, replaced }: RecreateOptions,
): Promise<void> {
  await assertNotDestroyed(build, ports);
  const images = new Map<ContainerPlace, ResolvedImage>();
  const image = plan.images[place];
  await together(signal, [
    ...networkAndVolumes(build, { plan, ports }),
    async (either) => {
      const known = replaced?.image;
      images.set(
        place,
        known ?? (await resolveImage(build, { ports, place, image, signal: either })),
      );
    },
  ]);
  signal.throwIfAborted();
  const services = await readServices(build, ports);
  const links = linksTo(plan, services);
  const created = await createContainer(build, { plan, ports, place, images, links });
  // All of it is on mounts, so a replacement already has it. It is not made again, because stages
  // since the preparation may have changed the owners.
  if (replaced === undefined) await makeFiles(ports.engine(build.context.runner), created);
}

/**
 * Starts the services again that a restart of Docker has ended before the first script of the job,
 * and waits for them. Returns whether it did: `container`, the job's, then knows their former
 * addresses. The invariant of `createEnvironment` holds here too.
 */
export async function reviveServices(
  build: LiveBuild,
  container: ContainerStatus,
  { plan, ports, signal }: EnvironmentOptions,
): Promise<boolean> {
  await assertNotDestroyed(build, ports);
  if (!(await restartLostServices(build, { container, ports }))) return false;
  const services = await noteNewAddresses(build, ports);
  await followServices(build, ports);
  const wanted = { ports, place: 'helper', image: plan.images.helper, signal } as const;
  const { reference: helperImage } = await resolveImage(build, wanted);
  await waitForServices(build, { plan, services, helperImage, ports, signal });
  return true;
}

async function assertNotDestroyed({ context }: LiveBuild, ports: ContainerPorts): Promise<void> {
  if ((await DESTROY_NOTE.read(context.buildId, ports)) === undefined) return;
  throw new FinalError(FailureType.RunnerSystem, 'the environment of the build is gone');
}

interface Images {
  readonly places: ReadonlyMap<ContainerPlace, ResolvedImage>;
  /** References or ids of the services' images, by the index of the service. */
  readonly services: ReadonlyMap<number, string>;
}

async function ensureImagesVolumesNetwork(
  build: LiveBuild,
  { plan, ports, signal }: EnvironmentOptions,
): Promise<Images> {
  const places = new Map<ContainerPlace, ResolvedImage>();
  const services = new Map<number, string>();
  await together(signal, [
    ...networkAndVolumes(build, { plan, ports }),
    ...placesOfImages(plan).map((place) => async (either: AbortSignal) => {
      const image = plan.images[place];
      places.set(place, await resolveImage(build, { ports, place, image, signal: either }));
    }),
    ...plan.services.map(({ index, image }) => async (either: AbortSignal) => {
      const place = `service-${index}` as const;
      const { reference } = await resolveImage(build, { ports, place, image, signal: either });
      services.set(index, reference);
    }),
  ]);
  return { places, services };
}

/** Returns functions that create the network and each volume, unless they exist. */
function networkAndVolumes(
  { context }: LiveBuild,
  { plan, ports }: Pick<EnvironmentOptions, 'plan' | 'ports'>,
): readonly (() => Promise<void>)[] {
  const engine = ports.engine(context.runner);
  return [
    async () => {
      if (plan.network !== undefined) await engine.createNetwork(plan.network);
    },
    ...plan.volumes.map(({ spec, isTemporary }) => async () => {
      if (!isTemporary) await ports.cacheUses.noteUse(spec.name);
      await engine.ensureVolume(spec);
    }),
  ];
}

function placesOf({ needsHelper }: EnvironmentPlan): readonly ContainerPlace[] {
  return needsHelper ? ['build', 'helper'] : ['build'];
}

/** Adds the helper if there are services, because a container of its image checks the services. */
function placesOfImages(plan: EnvironmentPlan): readonly ContainerPlace[] {
  return plan.services.length > 0 ? ['build', 'helper'] : placesOf(plan);
}

const NO_IMAGE: ResolvedImage = { reference: '', entrypoint: [], user: '' };

interface CreateOptions extends Pick<EnvironmentOptions, 'plan' | 'ports'> {
  readonly place: ContainerPlace;
  readonly images: ReadonlyMap<ContainerPlace, ResolvedImage>;
  readonly links: readonly string[];
}

type NewContainer = CreatedContainer & ReadyContainer;

async function createContainer(build: LiveBuild, options: CreateOptions): Promise<NewContainer> {
  const { plan, place, images, links, ports } = options;
  const engine = ports.engine(build.context.runner);
  const image = images.get(place) ?? NO_IMAGE;
  const [files, { sharesPipes, isPodman }] = await Promise.all([
    ports.builds.stageFiles(build.context.buildId, place),
    engine.info(),
  ]);
  const startsEarly = sharesPipes && !isPodman;
  const found = { files, images, sharesPipes, startsEarly };
  const container = plan.container(place, image.reference, links);
  const ready = plan.ready(place, container, found);
  const id = await engine.createContainer(ready.spec);
  return { id, image, ...ready };
}

async function makeFiles(
  engine: ContainerEngine,
  { id, directoriesToMake, filesToWrite }: NewContainer,
): Promise<void> {
  if (directoriesToMake.length === 0) return;
  const encoder = new TextEncoder();
  await engine.putArchive(id, '/', [
    ...directoriesToMake.map((path) => ({ path, type: 'directory', mode: 0o777 }) as const),
    ...filesToWrite.map(
      ({ path, content }) =>
        ({ path, type: 'file', mode: 0o666, content: encoder.encode(content) }) as const,
    ),
  ]);
}
