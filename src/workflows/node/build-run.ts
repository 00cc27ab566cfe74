import { CancellationScope, setHandler } from '@temporalio/workflow';
import type { Interruption } from '../../domain/context/outcome.ts';
import * as messages from '../messages.ts';

/** What may cut a running build short, and who has to know. */
export interface BuildRun {
  /** Why the build is to end early; the weightiest reason so far. */
  readonly interruption: Interruption | undefined;
  interrupt(interruption: Interruption): void;
  isInterruptedBy(kinds: readonly Interruption['kind'][]): boolean;
  /** Nothing of the user's may run any more. */
  isOver(): boolean;
  /** Where the build stands, for queries. */
  show(change: Partial<messages.BuildState>): void;
  /** How often a process of the node was started anew. */
  readonly restarts: number;
  /** How far the build has come, as far as it matters when its node is lost. */
  readonly progress: BuildProgress;
}

export interface BuildProgress {
  /** GitLab was told that the job runs. */
  isAcknowledged: boolean;
  /** A stage of the user's script was handed to the node: from here on the build stays there. */
  hasBegunScript: boolean;
  /** The job's clock runs: its time-out ends it. */
  isTimed: boolean;
  /** GitLab has the result. */
  isReported: boolean;
  /** The first stage that was not well. */
  failedStage: string | undefined;
}

const WEIGHT: Readonly<Record<Interruption['kind'], number>> = {
  script_timeout: 1,
  canceling: 2,
  job_timeout: 3,
  aborted: 4,
};

/** Opens the run of this workflow and listens to its signals and to a cancel request. */
export function openBuildRun(): BuildRun {
  let interruption: Interruption | undefined;
  let restarts = 0;
  let shown: messages.BuildState = {
    stage: 'acknowledge',
    interruption: undefined,
    outcome: undefined,
  };

  const run: BuildRun = {
    get interruption() {
      return interruption;
    },
    interrupt: (next) => {
      if (interruption !== undefined && WEIGHT[interruption.kind] >= WEIGHT[next.kind]) return;
      interruption = next;
      run.show({ interruption });
    },
    get restarts() {
      return restarts;
    },
    progress: {
      ...{ isAcknowledged: false, hasBegunScript: false, isTimed: false, isReported: false },
      failedStage: undefined,
    },
    isInterruptedBy: (kinds) => interruption !== undefined && kinds.includes(interruption.kind),
    isOver: () => run.isInterruptedBy(['aborted', 'job_timeout']),
    show: (change) => {
      shown = { ...shown, ...change };
    },
  };
  setHandler(messages.nodeRestartedSignal, () => {
    restarts += 1;
  });
  setHandler(messages.cancelBuildSignal, () => run.interrupt({ kind: 'canceling' }));
  setHandler(messages.buildStateQuery, () => shown);
  // A person's cancel request is a wish like GitLab's: the build ends in good order.
  CancellationScope.current().cancelRequested.catch(() => run.interrupt({ kind: 'canceling' }));
  return run;
}
