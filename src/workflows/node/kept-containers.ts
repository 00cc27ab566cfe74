import { condition } from '@temporalio/workflow';
import { clearValue } from '../../domain/clear-text.ts';
import { formatMoment } from '../../domain/build/stage-table.ts';
import type { Shells, ShellStart } from './shells.ts';
import type { StageProgress } from './stage-progress.ts';

/**
 * Keeps the containers of a build after its job. GitLab already has the result. Temporal measures
 * the time, so the hold outlives the node's process.
 */
export interface KeptContainers {
  /** Keeps them until this time at the latest. A later call replaces the time. */
  keep(untilMs: number): void;
  letGo(): void;
  /** Until when they are kept at the latest; 0 while nothing keeps them. */
  readonly untilMs: number;
  /**
   * Resolves when nothing keeps them any more, or when another node has to tell GitLab the result.
   * Starts their container for shells meanwhile.
   */
  whenLetGo(held: HeldBuild): Promise<void>;
}

interface HeldBuild {
  readonly stages: StageProgress;
  readonly shells: Shells;
  readonly start: ShellStart;
  /** Whether the node is lost before GitLab has the result. */
  isLost(): boolean;
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
    get untilMs() {
      return untilMs;
    },
    whenLetGo: async ({ stages, shells, start, isLost }) => {
      while (untilMs > Date.now() && !isLost()) {
        const endMs = untilMs;
        const until = formatMoment(endMs);
        const summary = clearValue(`the containers are kept until ${until} at the latest`);
        await stages.waitFor(`release or ${until}: the containers are kept`, () =>
          condition(() => untilMs !== endMs || shells.isAwaited || isLost(), endMs - Date.now(), {
            summary,
          }),
        );
        if (shells.isAwaited && untilMs === endMs) await shells.serve(start);
      }
    },
  };
}
