import { condition } from '@temporalio/workflow';
import { clearValue } from '../../domain/clear-text.ts';
import { formatMoment } from '../../domain/build/stage-table.ts';
import type { StageProgress } from './stage-progress.ts';

/**
 * Keeps the containers of a build after its job. GitLab already has the result. Temporal measures
 * the time, so the hold outlives the node's process.
 */
export interface KeptContainers {
  /** Keeps them until this time at the latest. A later call replaces the time. */
  keep(untilMs: number): void;
  letGo(): void;
  /** Resolves when the containers need not be kept any longer. */
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
