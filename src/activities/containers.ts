import {
  planEnvironment,
  type ContainerPlace,
  type EnvironmentPlan,
} from '../domain/executor/environment.ts';
import { FailureType, FinalError } from '../domain/failure.ts';
import { buildVariables } from '../domain/job/variables.ts';
import { resolveImage } from './images.ts';
import type { LiveBuild } from './live-builds.ts';
import type { Ports } from './ports.ts';
import { together } from './together.ts';

/** What planning needs besides the record: the host paths that containers have mounted. */
export async function planFor({ context }: LiveBuild, ports: Ports): Promise<EnvironmentPlan> {
  const variables = buildVariables(context, { jobStatus: 'running' });
  const [build, helper] = await Promise.all([
    ports.builds.stageFiles(context.buildId, 'build'),
    ports.builds.stageFiles(context.buildId, 'helper'),
  ]);
  return planEnvironment({ context, variables, digests: ports.digests, files: { build, helper } });
}

export interface ContainerOrder {
  readonly plan: EnvironmentPlan;
  readonly places: readonly ContainerPlace[];
  readonly ports: Ports;
  /** Gives up a pull. */
  readonly signal: AbortSignal;
}

/** When the environment began to be destroyed, in milliseconds: nothing is made after it. */
export const DESTROY_NOTE = 'destroy';

/**
 * Makes containers, and whatever they need, unless they are there. Done again after a crash, it finds
 * by name and label what was made before. Never starts anything.
 * Invariant: it runs as the build's `making`, which the clean-up waits for.
 */
export async function ensureContainers(build: LiveBuild, order: ContainerOrder): Promise<void> {
  const { plan, places, ports } = order;
  if ((await ports.builds.readNote(build.context.buildId, DESTROY_NOTE)) !== undefined) {
    throw new FinalError(FailureType.RunnerSystem, 'the environment of the build is gone');
  }
  const engine = ports.engine(build.context.runner);
  const images = new Map<ContainerPlace, string>();
  await together(order.signal, [
    async () => {
      if (plan.network !== undefined) await engine.createNetwork(plan.network);
    },
    ...plan.volumes.map(
      ({ spec }) =>
        () =>
          engine.ensureVolume(spec),
    ),
    ...places.map((place) => async (signal: AbortSignal) => {
      const image = plan.images[place];
      images.set(place, await resolveImage(build, { ports, place, image, signal }));
    }),
  ]);
  order.signal.throwIfAborted();
  await together(
    order.signal,
    places.map((place) => async () => {
      const id = await engine.createContainer(plan.container(place, images.get(place) ?? ''));
      const directories = plan.directoriesToMake.map(
        (path) => ({ path, type: 'directory', mode: 0o777 }) as const,
      );
      await engine.putArchive(id, '/', directories);
    }),
  );
}
