import { withContainer, type ContainerStagePorts } from '../build/container-stage.ts';
import { withHeartbeat } from '../build/heartbeat.ts';
import type { LiveBuild, LiveBuilds } from '../build/live-builds.ts';
import { startOnce } from '../container-stage/stage-start.ts';
import type { BuildActivities } from '../contract.ts';

export function createShellActivities(
  ports: ContainerStagePorts,
  live: LiveBuilds,
): Pick<BuildActivities, 'startForShell'> {
  return {
    startForShell: ({ buildId }, count) =>
      withHeartbeat(async () => {
        const build = await live.open(buildId);
        const key = `shell#${count}`;
        return build.joined(key, () => startForShell(build, { key, count, ports }));
      }),
  };
}

interface ShellStart {
  readonly key: string;
  readonly count: number;
  readonly ports: ContainerStagePorts;
}

/**
 * Starts the container with the script of the stage `wait_for_terminal`. The container is ended by
 * the next stage that needs it, or when the environment is removed.
 */
async function startForShell(
  build: LiveBuild,
  { key, count, ports }: ShellStart,
): Promise<boolean> {
  const planned = { name: 'wait_for_terminal', place: 'build', attempts: 1 } as const;
  const request = { stage: planned, attempt: count, jobStatus: 'running' } as const;
  const stage = withContainer(build, { key, request, place: 'build', ports });
  if ((await stage.engine.inspectContainer(stage.container)) === undefined) return false;
  await startOnce(build, stage);
  return true;
}
