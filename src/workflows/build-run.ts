import { CancellationScope, condition, setHandler } from '@temporalio/workflow';
import type { BuildOutcome, Interruption } from '../domain/build/outcome.ts';
import * as messages from './messages.ts';

/** What may cut a running build short, and who has to know. */
export interface BuildRun {
  /** Why the build is to end early; the weightiest reason so far. */
  readonly interruption: Interruption | undefined;
  /** Where the build stands, for queries. */
  show(change: Partial<messages.BuildState>): void;
  interrupt(interruption: Interruption): void;
  /** Resolves when the build is interrupted by one of these kinds. */
  whenInterrupted(...kinds: readonly Interruption['kind'][]): Promise<void>;
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
    outcome: undefined as BuildOutcome | undefined,
  };

  const run: BuildRun = {
    get interruption() {
      return interruption;
    },
    show: (change) => {
      shown = { ...shown, ...change };
    },
    interrupt: (next) => {
      if (interruption !== undefined && WEIGHT[interruption.kind] >= WEIGHT[next.kind]) return;
      interruption = next;
      run.show({ interruption });
    },
    whenInterrupted: (...kinds) =>
      condition(() => interruption !== undefined && kinds.includes(interruption.kind)),
    onNode: async (call) => {
      for (;;) {
        const restartsBefore = restarts;
        const scope = new CancellationScope();
        const answer = scope.run(call).then((value) => ({ value }));
        const restarted = condition(() => restarts !== restartsBefore);
        const first = await Promise.race([answer, restarted]);
        if (first !== undefined) return first.value;
        scope.cancel();
        answer.catch(() => undefined); // the call of a process that is gone
      }
    },
  };
  setHandler(messages.nodeRestartedSignal, () => {
    restarts += 1;
  });
  setHandler(messages.cancelBuildSignal, () => run.interrupt({ kind: 'canceling' }));
  setHandler(messages.buildStateQuery, () => shown);
  return run;
}
