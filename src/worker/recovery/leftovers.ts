import { removeObjects } from '../../activities/environment/remove-objects.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';

/** Removes everything with the build's label as far as possible, then throws the first fault. */
export async function removeLabelled(engine: ContainerEngine, buildId: string): Promise<void> {
  const failures = await removeObjects(engine, buildId);
  if (failures.length > 0) throw failures[0];
}

/** What it takes to reach each daemon. */
export type DaemonPorts = Pick<Ports, 'config' | 'engine' | 'log'>;
/** What it takes to find and remove what builds without a record have left. */
export type LeftoverPorts = DaemonPorts & Pick<Ports, 'builds'>;

/**
 * Removes objects in Docker of builds without a record: their state directory was emptied, or
 * Docker did not answer when they ended. Only objects of this installation are removed. Caches
 * belong to no build and stay. Failures are only logged, because the next sweep tries again.
 */
export async function sweepLeftovers(ports: LeftoverPorts): Promise<void> {
  await atEachDaemon(ports, 'leftovers not searched for', async (engine) => {
    for (const buildId of await findLeftovers(engine, ports.builds)) {
      await removeLeftovers(engine, buildId, ports);
    }
  });
}

async function removeLeftovers(
  engine: ContainerEngine,
  buildId: string,
  { log }: Pick<Ports, 'log'>,
): Promise<void> {
  try {
    await removeLabelled(engine, buildId);
    log.warn('leftovers of a build without a record removed', { build: buildId });
  } catch (error) {
    log.warn('leftovers of a build without a record not removed, tried again later', {
      ...{ build: buildId, error },
    });
  }
}

/**
 * Does the work at each daemon once, however many runners use it. Where it fails, it logs the
 * failure and goes on with the next daemon. Returns whether it has succeeded at all of them.
 */
export async function atEachDaemon(
  { config, engine, log }: DaemonPorts,
  failure: string,
  work: (engine: ContainerEngine) => Promise<void>,
): Promise<boolean> {
  const hosts = new Map(config.current().runners.map((runner) => [runner.docker.host, runner]));
  let hasSucceeded = true;
  for (const runner of hosts.values()) {
    try {
      await work(engine(runner));
    } catch (error) {
      hasSucceeded = false;
      log.warn(failure, { runner: runner.key, runner_name: runner.name, error });
    }
  }
  return hasSucceeded;
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
