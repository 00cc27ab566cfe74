import { CancellationScope, setHandler } from '@temporalio/workflow';
import type { Interruption } from '../../domain/context/outcome.ts';
import * as messages from '../messages.ts';

/** Everything that may end a running build early, and its current state. */
export interface BuildRun {
  /** Why the build must end early; the most important reason so far. */
  readonly interruption: Interruption | undefined;
  interrupt(interruption: Interruption): void;
  isInterruptedBy(kinds: readonly Interruption['kind'][]): boolean;
  /** True: nothing of the user may run any more. */
  isOver(): boolean;
  /** Updates the state that queries return. */
  show(change: Partial<messages.BuildState>): void;
  /** How often the node's process was restarted. */
  readonly restarts: number;
  /** The progress that matters when its node is lost. */
  readonly progress: BuildProgress;
}

export interface BuildProgress {
  /** True: GitLab was told that the job runs. */
  isAcknowledged: boolean;
  /** True: a stage of the user's script was handed to the node, so the build stays there. */
  hasBegunScript: boolean;
  /** True: the job's clock is running, and its time-out ends the job. */
  isTimed: boolean;
  /** True: GitLab has the result. */
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

/** Creates the run of this workflow, which listens to its signals and to a cancel request. */
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
  // A person's cancel request has the effect of GitLab's: the build ends properly.
  CancellationScope.current().cancelRequested.catch(() => run.interrupt({ kind: 'canceling' }));
  return run;
}
