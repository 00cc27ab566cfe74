import type { BuildOutcome } from '../domain/build/outcome.ts';
import { report } from './coordinator.ts';
import { destroy } from './environment.ts';
import type { LiveBuilds } from './live-builds.ts';
import type { Ports } from './ports.ts';
import { letGo } from './tenure.ts';

/** What the node itself does for a build whose workflow is no more. */
export interface AbandonedBuilds {
  /** Reports a result, with all of the trace, once `stop` has ended what still runs of the build. */
  report(buildId: string, outcome: BuildOutcome, stop: () => Promise<void>): Promise<void>;
  /** Removes all of a build that another node has now, without a word to GitLab. */
  drop(buildId: string): Promise<void>;
  /** Lets go of what this process holds of the build. */
  close(buildId: string): Promise<void>;
}

export function createAbandonedBuilds(ports: Ports, live: LiveBuilds): AbandonedBuilds {
  return {
    report: async (buildId, outcome, stop) => {
      const build = await live.find(buildId);
      const stageKey = build?.stage?.key;
      await stop();
      // What a stage that ran in this process has still to say belongs before the last line.
      if (stageKey !== undefined) await build?.settled(stageKey);
      await build?.joined('report', () => report(build, outcome, ports));
    },
    drop: async (buildId) => {
      const build = await live.find(buildId);
      if (build !== undefined) {
        const { stage } = build;
        letGo(build);
        await build.joined('destroy', () => destroy(build, ports));
        // Its container is gone: it ends, and writes nothing any more.
        if (stage !== undefined) await build.settled(stage.key);
      }
      await live.close(buildId);
      await ports.builds.remove(buildId);
      ports.capacity.free(buildId);
    },
    close: (buildId) => live.close(buildId),
  };
}
