import type { BuildOutcome } from '../../domain/context/outcome.ts';
import { report, type ReportPorts } from '../job/coordinator.ts';
import { destroy, type DestroyPorts } from '../environment/environment.ts';
import type { LiveBuild, LiveBuilds } from '../build/live-builds.ts';
import type { Ports } from '../../ports/index.ts';
import { forgetBuild } from '../build/forget-build.ts';
import { loseLease } from '../build/lease.ts';

/** What the node itself does for builds whose workflow is gone. */
export interface OrphanedBuilds {
  /** Ends and removes everything of a build. Then reports a result with the whole trace. */
  report(buildId: string, outcome: BuildOutcome): Promise<void>;
  /** Removes everything of a build that another node has now. Reports nothing to GitLab. */
  drop(buildId: string): Promise<void>;
  /** Lists the builds to drop: those that are on another node now, as far as this process knows. */
  listLost(): Promise<readonly string[]>;
  /** Removes a build that is over from this node, and gives its slot back. */
  forget(buildId: string): Promise<void>;
}

type OrphanPorts = ReportPorts & Pick<Ports, 'capacity' | 'sessions'>;

export function createOrphanedBuilds(ports: OrphanPorts, live: LiveBuilds): OrphanedBuilds {
  return {
    report: async (buildId, outcome) => {
      const build = await live.find(buildId);
      if (build === undefined) return;
      await end(build, ports);
      // An earlier process may have begun the build, and its end counts all the same.
      ports.metrics.stageBegan(build.context, { stage: '', executorStage: 'finish' });
      await build.joined('report', () => report(build, { outcome }, ports));
    },
    drop: async (buildId) => {
      const build = await live.find(buildId);
      if (build !== undefined) {
        loseLease(build);
        await end(build, ports);
      }
      await forgetBuild(buildId, { ports, live });
    },
    listLost: () => live.listLost(),
    forget: (buildId) => forgetBuild(buildId, { ports, live }),
  };
}

/**
 * Stops the stage that runs in this process, and removes all of the build's objects in Docker. When
 * this resolves, the stage writes nothing more to the trace.
 */
async function end(build: LiveBuild, ports: DestroyPorts): Promise<void> {
  const { stage } = build;
  if (stage !== undefined) {
    // Without a reason the stage would begin again in a new container.
    stage.stopReason ??= 'the workflow of the build has ended';
    stage.stopping.abort();
  }
  await build.joined('destroy', () => destroy(build, ports));
  if (stage !== undefined) await build.settled(stage.key);
}
