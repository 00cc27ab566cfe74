import { BUILD_LABEL, gitlabLabelNames } from '../../domain/executor/labels.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';
import { HAD_SCRIPT } from '../build/container-stage.ts';
import { assertLease } from '../build/lease.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineCounter } from '../build/note.ts';
import { forgetServiceWait } from './service-wait.ts';
import type { ServicePorts } from './services.ts';

/** Counts the failed tries to prepare the environment. */
export const FAILED_TRIES = defineCounter('prepare-tries');

/**
 * Starts the services that have ended, when a try to prepare the environment has failed: a restart
 * of Docker ends services and fails a try. No script has run yet. The build's other containers are
 * removed, because they know the services' former addresses.
 */
export async function restartServices(
  build: LiveBuild,
  ports: ServicePorts & Pick<Ports, 'clock'>,
): Promise<void> {
  const { buildId, runner } = build.context;
  if ((await FAILED_TRIES.read(buildId, ports)) === 0) return;
  if (await HAD_SCRIPT.isSet(buildId, ports)) return;
  await assertLease(build, ports);
  const engine = ports.engine(runner);
  const ofBuild = { [BUILD_LABEL]: buildId };
  const ofServices = { ...ofBuild, ...gitlabLabelNames({ type: 'service' }) };
  const { containers: services } = await engine.listByLabels(ofServices);
  const ended = await endedAmong(services, engine);
  if (ended.length === 0) return;
  const { containers } = await engine.listByLabels(ofBuild);
  const others = containers.filter((id) => !services.includes(id));
  const keepsVolumes = runner.docker.volumeKeep;
  // Invariant: services run again only when nothing is left that an interrupted call would keep.
  await Promise.all(others.map((id) => engine.removeContainer(id, { keepsVolumes })));
  await forgetServiceWait(build, ports);
  await Promise.all(ended.map((id) => engine.startContainer(id)));
}

async function endedAmong(
  ids: readonly string[],
  engine: ContainerEngine,
): Promise<readonly string[]> {
  const statuses = await Promise.all(ids.map((id) => engine.inspectContainer(id)));
  return ids.filter((_, at) => statuses[at]?.state === 'exited');
}
