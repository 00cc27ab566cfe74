import { condition } from '@temporalio/workflow';
import { clearValue } from '../../domain/clear-text.ts';
import { formatMoment } from '../../domain/build/stage-table.ts';
import type { StageProgress } from './stage-progress.ts';

/**
 * What keeps the containers of a build after its job. GitLab has the result by then. The time is
 * Temporal's, so it outlives the node's process.
 */
export interface KeptContainers {
  /** Keeps them until this time at the latest. Said again, the new time counts. */
  keep(untilMs: number): void;
  letGo(): void;
  /** Resolves when nothing keeps them. */
  whenLetGo(stages: StageProgress): Promise<void>;
}

export function openKeptContainers(): KeptContainers {
  let untilMs = 0;
  return {
    keep: (ms) => {
      untilMs = ms;
    },
    letGo: () => {
      untilMs = 0;
    },
    whenLetGo: async (stages) => {
      while (untilMs > Date.now()) {
        const endMs = untilMs;
        const until = formatMoment(endMs);
        const summary = clearValue(`the containers are kept until ${until} at the latest`);
        await stages.waitFor(`release or ${until}: the containers are kept`, () =>
          condition(() => untilMs !== endMs, endMs - Date.now(), { summary }),
        );
      }
    },
  };
}
