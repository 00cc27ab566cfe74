import type { ContainerEngine, Ports } from '../../ports/index.ts';
import { BUILD_LABEL } from '../../domain/executor/labels.ts';

/** Removes everything with the build's label, in the order that Docker allows. */
export async function removeLabelled(engine: ContainerEngine, buildId: string): Promise<void> {
  const left = await engine.listByLabels({ [BUILD_LABEL]: buildId });
  await Promise.all(left.containers.map((id) => engine.removeContainer(id)));
  await Promise.all([
    ...left.volumes.map((name) => engine.removeVolume(name)),
    ...left.networks.map((name) => engine.removeNetwork(name)),
  ]);
}

/** What it takes to find and remove what builds without a record have left. */
export type LeftoverPorts = Pick<Ports, 'builds' | 'config' | 'engine' | 'log'>;

/**
 * Removes objects in Docker of builds without a record: their state directory was emptied, or
 * Docker did not answer when they ended. Only objects of this installation are removed. Caches
 * belong to no build and stay.
 */
export async function sweepLeftovers(ports: LeftoverPorts): Promise<void> {
  for (const engine of enginesOf(ports)) {
    for (const buildId of await findLeftovers(engine, ports.builds)) {
      await removeLabelled(engine, buildId);
      ports.log.warn('leftovers of a build without a record removed', { build: buildId });
    }
  }
}

/** Returns each daemon once, however many runners use it. */
export function enginesOf({
  config,
  engine,
}: Pick<Ports, 'config' | 'engine'>): readonly ContainerEngine[] {
  const hosts = new Map(config.current().runners.map((runner) => [runner.docker.host, runner]));
  return [...hosts.values()].map(engine);
}

async function findLeftovers(
  engine: ContainerEngine,
  builds: Ports['builds'],
): Promise<readonly string[]> {
  const found = await engine.listBuildIds();
  // The records are read after Docker's list, because a build's record exists before any of its
  // objects in Docker.
  const recorded = new Set(await builds.list());
  return found.filter((buildId) => !recorded.has(buildId));
}
