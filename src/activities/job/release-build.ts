import { BUILD_ENDED_SIGNAL } from '../../domain/runner/fleet.ts';
import type { Ports } from '../../ports/index.ts';
import type { EndedBuilds } from '../build/ended-builds.ts';
import { forgetBuild } from '../build/forget-build.ts';
import { withHeartbeat } from '../build/heartbeat.ts';
import type { LiveBuilds } from '../build/live-builds.ts';
import type { BuildActivities } from '../contract.ts';

type ForgetPorts = Pick<Ports, 'builds' | 'capacity' | 'metrics' | 'sessions'>;

interface ReleaseScope {
  readonly live: LiveBuilds;
  readonly ended: Pick<EndedBuilds, 'announce'>;
}

/** Creates the last activity of a build, after which nothing of it is left on the node. */
export function createReleaseActivities(
  ports: ForgetPorts & Pick<Ports, 'workflows'>,
  { live, ended }: ReleaseScope,
): Pick<BuildActivities, 'releaseBuild'> {
  return {
    releaseBuild: ({ buildId }, runnerWorkflowId) =>
      withHeartbeat(async () => {
        const build = live.known(buildId);
        // The runner may request a job at once, and its build gets the smallest free number, by
        // which volumes are named.
        await release(buildId, { ports, live, ended });
        await signalRunner(buildId, runnerWorkflowId, ports);
        build?.released.abort();
      }),
  };
}

async function release(
  buildId: string,
  { ports, live, ended }: ReleaseScope & { readonly ports: ForgetPorts },
): Promise<void> {
  const context = await ports.builds.read(buildId).catch(() => undefined);
  await forgetBuild(buildId, { ports, live });
  ports.sessions.end(buildId, 'The job has ended.');
  if (context !== undefined) ended.announce(context.runner.key);
}

/** Tells the runner's workflow that the build has ended. It is gone when the runner was removed. */
async function signalRunner(
  buildId: string,
  runnerWorkflowId: string | undefined,
  { workflows }: Pick<Ports, 'workflows'>,
): Promise<void> {
  if (runnerWorkflowId === undefined) return;
  await workflows.signal(runnerWorkflowId, { name: BUILD_ENDED_SIGNAL, args: [buildId] });
}
