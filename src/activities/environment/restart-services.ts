import { hasEndedFromOutside } from '../../domain/executor/container-state.ts';
import type { EnvironmentPlan } from '../../domain/executor/environment.ts';
import { BUILD_LABEL } from '../../domain/executor/labels.ts';
import type { ContainerEngine, ContainerStatus } from '../../ports/index.ts';
import { HAD_SCRIPT } from '../build/container-stage.ts';
import { assertLease } from '../build/lease.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineCounter } from '../build/note.ts';
import { forgetServiceWait, isWaitOpen } from './service-wait.ts';
import { readServices, type ServicePorts } from './services.ts';

/** Counts the failed tries to prepare the environment. */
export const FAILED_TRIES = defineCounter('prepare-tries');

/**
 * Starts the services that have ended, when a try to prepare the environment has failed, or Docker
 * was restarted since it began: a restart of Docker ends services. No script has run yet. The
 * build's other containers are removed, because they know the services' former addresses.
 */
export async function restartServices(
  build: LiveBuild,
  { plan, ports }: { readonly plan: EnvironmentPlan; readonly ports: ServicePorts },
): Promise<void> {
  const { buildId, runner } = build.context;
  const engine = ports.engine(runner);
  const names = plan.services.map(({ containerName }) => containerName);
  const services = await inspectAll(engine, names);
  const ended = services.filter(isEnded);
  if (ended.length === 0 || (await HAD_SCRIPT.isSet(buildId, ports))) return;
  const { containers } = await engine.listByLabels({ [BUILD_LABEL]: buildId });
  const others = await inspectAll(
    engine,
    containers.filter((id) => !services.some((service) => service.id === id)),
  );
  const hasFailed = (await FAILED_TRIES.read(buildId, ports)) > 0;
  if (!hasFailed && ![...ended, ...others].some(hasEndedFromOutside)) return;
  await assertLease(build, ports);
  // What tells of the restart is removed now.
  if (!hasFailed) await FAILED_TRIES.increment(buildId, ports);
  const keepsVolumes = runner.docker.volumeKeep;
  // Invariant: services run again only when nothing is left that an interrupted call would keep.
  await Promise.all(others.map(({ id }) => engine.removeContainer(id, { keepsVolumes })));
  await startAgain(build, { ended, ports });
}

/**
 * Starts the services again that a restart of Docker has ended. `container` is the job's, in which
 * nothing has run. Returns false when no service needs it.
 */
export async function restartLostServices(
  build: LiveBuild,
  { container, ports }: { readonly container: ContainerStatus; readonly ports: ServicePorts },
): Promise<boolean> {
  const engine = ports.engine(build.context.runner);
  const services = await readServices(build, ports);
  const statuses = await inspectAll(
    engine,
    services.map(({ containerId }) => containerId),
  );
  const ended = statuses.filter(isEnded);
  const isNeeded = ended.length > 0 && [...ended, container].some(hasEndedFromOutside);
  // A process may have died after it had started them again.
  if (!isNeeded && !(await isWaitOpen(build, ports))) return false;
  await assertLease(build, ports);
  await startAgain(build, { ended, ports });
  return true;
}

/** Starts services again, whose logs are then followed anew. */
async function startAgain(
  build: LiveBuild,
  { ended, ports }: { readonly ended: readonly ContainerStatus[]; readonly ports: ServicePorts },
): Promise<void> {
  await forgetServiceWait(build, ports);
  await build.serviceLogs?.stop();
  build.serviceLogs = undefined;
  const engine = ports.engine(build.context.runner);
  await Promise.all(ended.map(({ id }) => engine.startContainer(id)));
}

function isEnded({ state }: ContainerStatus): boolean {
  return state === 'exited';
}

async function inspectAll(
  engine: ContainerEngine,
  idsOrNames: readonly string[],
): Promise<readonly ContainerStatus[]> {
  const statuses = await Promise.all(idsOrNames.map((one) => engine.inspectContainer(one)));
  return statuses.filter((status) => status !== undefined);
}
