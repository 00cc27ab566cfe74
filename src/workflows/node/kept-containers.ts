import { condition } from '@temporalio/workflow';
import { clearValue } from '../../domain/clear-text.ts';
import { formatMoment } from '../../domain/build/stage-table.ts';
import type { StageProgress } from './stage-progress.ts';

/** Why containers are kept: each reason has its own time. */
export type KeepReason = 'hold';

/**
 * What keeps the containers of a build after its job. GitLab has the result by then. The time is
 * Temporal's, so it outlives the node's process.
 */
export interface KeptContainers {
  /** Keeps them until this time at the latest. Said again for the same reason, the new time counts. */
  keep(why: KeepReason, untilMs: number): void;
  letGo(why: KeepReason): void;
  /** Resolves when no reason is left. */
  whenLetGo(stages: StageProgress): Promise<void>;
}

export function openKeptContainers(): KeptContainers {
  const reasons = new Map<KeepReason, number>();
  const latestMs = (): number => Math.max(0, ...reasons.values());
  return {
    keep: (why, untilMs) => void reasons.set(why, untilMs),
    letGo: (why) => void reasons.delete(why),
    whenLetGo: async (stages) => {
      for (let untilMs = latestMs(); untilMs > Date.now(); untilMs = latestMs()) {
        const until = formatMoment(untilMs);
        const summary = clearValue(`the containers are kept until ${until} at the latest`);
        await stages.waitFor(`release or ${until}: the containers are kept`, () =>
          condition(() => latestMs() !== untilMs, untilMs - Date.now(), { summary }),
        );
      }
    },
  };
}
