import { CancellationScope, condition, setHandler } from '@temporalio/workflow';
import type { Interruption } from '../domain/build/outcome.ts';
import * as messages from './messages.ts';
import { watch } from './watched.ts';

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
  /**
   * Calls an activity of the node and, when the node's process was started anew meanwhile, calls it
   * again at once: the new call re-attaches, and nobody waits for a heartbeat to run out.
   */
  onNode<T>(call: () => Promise<T>): Promise<T>;
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
    isInterruptedBy: (kinds) => interruption !== undefined && kinds.includes(interruption.kind),
    isOver: () => run.isInterruptedBy(['aborted', 'job_timeout']),
    show: (change) => {
      shown = { ...shown, ...change };
    },
    onNode: (call) => callUntilAnswered(call, () => restarts),
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

async function callUntilAnswered<T>(call: () => Promise<T>, restarts: () => number): Promise<T> {
  for (;;) {
    const restartsBefore = restarts();
    const scope = new CancellationScope();
    const answer = watch(scope.run(call));
    // Cancelling reaches the call through its scope; how long it may take to end is the call's own.
    await CancellationScope.nonCancellable(() =>
      condition(() => answer.isSettled || restarts() !== restartsBefore),
    );
    if (answer.isSettled) return answer.take();
    scope.cancel(); // the call of a process that is gone
  }
}
