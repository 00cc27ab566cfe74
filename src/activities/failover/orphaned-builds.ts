import type { BuildOutcome } from '../../domain/context/outcome.ts';
import { report, type ReportPorts } from '../job/coordinator.ts';
import { destroy } from '../environment/environment.ts';
import type { LiveBuilds } from '../build/live-builds.ts';
import type { Ports } from '../../ports/index.ts';
import { forgetBuild } from '../build/forget-build.ts';
import { loseLease } from '../build/lease.ts';

/** What the node itself does for builds whose workflow is gone. */
export interface OrphanedBuilds {
  /** Reports a result with the whole trace, after `stop` has ended everything that still runs. */
  report(buildId: string, outcome: BuildOutcome, stop: () => Promise<void>): Promise<void>;
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
    report: async (buildId, outcome, stop) => {
      const build = await live.find(buildId);
      const stageKey = build?.stage?.key;
      await stop();
      if (build === undefined) return;
      // The rest of the output of a stage in this process must come before the last line.
      if (stageKey !== undefined) await build.settled(stageKey);
      // An earlier process may have begun the build, and its end counts all the same.
      ports.metrics.stageBegan(build.context, { stage: '', executorStage: 'finish' });
      await build.joined('report', () => report(build, { outcome }, ports));
    },
    drop: async (buildId) => {
      const build = await live.find(buildId);
      if (build !== undefined) {
        const { stage } = build;
        loseLease(build);
        await build.joined('destroy', () => destroy(build, ports));
        // The stage's container is gone, so the stage ends and writes nothing more.
        if (stage !== undefined) await build.settled(stage.key);
      }
      await forgetBuild(buildId, { ports, live });
    },
    listLost: () => live.listLost(),
    forget: (buildId) => forgetBuild(buildId, { ports, live }),
  };
}
