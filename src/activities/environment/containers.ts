import {
  planEnvironment,
  type ContainerPlace,
  type EnvironmentPlan,
} from '../../domain/executor/environment.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { Ports } from '../../ports/index.ts';
import type { AuthPorts } from './registry-auth.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineNote, parseNumber } from '../build/note.ts';
import { together } from '../build/together.ts';
import { openEarlyStarts, type CreatedContainer } from './early-start.ts';
import { resolveImage, type ResolvedImage } from './images.ts';
import { followServices, type ServiceLogPorts } from './service-logs.ts';
import { waitForServices } from './service-wait.ts';
import {
  announceServices,
  linksTo,
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

export interface ContainerOptions {
  readonly plan: EnvironmentPlan;
  readonly places: readonly ContainerPlace[];
  /** True: also starts the services and waits for them. False: they were already started. */
  readonly withServices: boolean;
  readonly ports: ContainerPorts;
  /** Aborts an image pull, and the wait for services. */
  readonly signal: AbortSignal;
  /** Set when the container replaces another one of the build, in which nothing has run. */
  readonly replaced?: ReplacedContainer;
}

interface ReplacedContainer {
  /** What it was made from; undefined when this process does not know that. */
  readonly image: ResolvedImage | undefined;
}

/** When destroying the environment began, in milliseconds: nothing is created after it. */
export const DESTROY_NOTE = defineNote('destroy', parseNumber);

/**
 * Creates containers and everything that they need, unless they exist. A repeated call after a
 * crash finds by name and label what was created before. Starts services and containers that wait,
 * but never a stage. Invariant: this runs as the build's `making`, which the clean-up waits for.
 */
export async function ensureContainers(build: LiveBuild, options: ContainerOptions): Promise<void> {
  const { plan, places, withServices, ports, signal } = options;
  if ((await DESTROY_NOTE.read(build.context.buildId, ports)) !== undefined) {
    throw new FinalError(FailureType.RunnerSystem, 'the environment of the build is gone');
  }
  if (withServices) await announceServices(build, plan);
  const images = await ensureGround(build, options);
  signal.throwIfAborted();
  if (withServices) {
    await startServices(build, { plan, images: images.services, ports, signal });
    await followServices(build, ports);
  }
  const services = await readServices(build, ports);
  const links = linksTo(plan, services, build.context.runner.docker.networkMode);
  const helperImage = images.places.get('helper')?.reference ?? '';
  const starts = openEarlyStarts(build, {
    ...{ engine: ports.engine(build.context.runner), ports, signal },
  });
  await together(signal, [
    async (either) => {
      const creating = places.map((place) => async () => {
        const created = await createContainer(build, { ...options, place, images, links });
        if (withServices) starts.created(created);
      });
      await together(either, creating);
      await starts.allCreated();
    },
    async (either) => {
      if (!withServices) return;
      await waitForServices(build, { plan, services, helperImage, ports, signal: either });
    },
  ]);
}

interface Images {
  readonly places: ReadonlyMap<ContainerPlace, ResolvedImage>;
  /** References or ids of the services' images, by the index of the service. */
  readonly services: ReadonlyMap<number, string>;
}

/** Ensures that the network, the volumes and the images exist. */
async function ensureGround(build: LiveBuild, options: ContainerOptions): Promise<Images> {
  const { plan, ports, withServices } = options;
  const engine = ports.engine(build.context.runner);
  const places = new Map<ContainerPlace, ResolvedImage>();
  const services = new Map<number, string>();
  await together(options.signal, [
    async () => {
      if (plan.network !== undefined) await engine.createNetwork(plan.network);
    },
    ...plan.volumes.map(({ spec, isTemporary }) => async () => {
      if (!isTemporary) await ports.cacheUses.noteUse(spec.name);
      await engine.ensureVolume(spec);
    }),
    ...placesOfImages(options).map((place) => async (signal: AbortSignal) => {
      const image = plan.images[place];
      const known = options.replaced?.image;
      places.set(place, known ?? (await resolveImage(build, { ports, place, image, signal })));
    }),
    ...(withServices ? plan.services : []).map(
      ({ index, image }) =>
        async (signal: AbortSignal) => {
          const place = `service-${index}` as const;
          const { reference } = await resolveImage(build, { ports, place, image, signal });
          services.set(index, reference);
        },
    ),
  ]);
  return { places, services };
}

/** Adds the helper if there are services, because a container of its image checks the services. */
function placesOfImages({
  plan,
  places,
  withServices,
}: ContainerOptions): readonly ContainerPlace[] {
  const isHelperWanted = withServices && plan.services.length > 0 && !places.includes('helper');
  return isHelperWanted ? [...places, 'helper'] : places;
}

const NO_IMAGE: ResolvedImage = { reference: '', entrypoint: [], user: '' };

interface PlaceOptions extends ContainerOptions {
  readonly place: ContainerPlace;
  readonly images: Images;
  readonly links: readonly string[];
}

async function createContainer(build: LiveBuild, options: PlaceOptions): Promise<CreatedContainer> {
  const { plan, place, images, links, ports, replaced } = options;
  const engine = ports.engine(build.context.runner);
  const image = images.places.get(place) ?? NO_IMAGE;
  const [files, { sharesPipes, isPodman }] = await Promise.all([
    ports.builds.stageFiles(build.context.buildId, place),
    engine.info(),
  ]);
  const startsEarly = sharesPipes && !isPodman;
  const found = { files, images: images.places, sharesPipes, startsEarly };
  const container = plan.container(place, image.reference, links);
  const { spec, directoriesToMake } = plan.ready(place, container, found);
  const id = await engine.createContainer(spec);
  const directories = directoriesToMake.map(
    (path) => ({ path, type: 'directory', mode: 0o777 }) as const,
  );
  // All directories are on mounts, so a replacement already has them. It does not make them again,
  // because stages since the preparation may have changed their owners.
  if (replaced === undefined && directories.length > 0) {
    await engine.putArchive(id, '/', directories);
  }
  return { id, spec, image };
}
