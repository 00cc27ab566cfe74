import { CancellationScope, log, setHandler } from '@temporalio/workflow';
import { clearValue } from '../../domain/clear-text.ts';
import type { Interruption } from '../../domain/context/outcome.ts';
import { openAttributes, type AttributeChange } from './build-attributes.ts';
import { parseWaits } from '../../domain/build/wait.ts';
import { stageNamesOf } from '../../domain/build/hold.ts';
import type { JobSummary, PlannedStage } from '../../domain/context/stage.ts';
import { openHolds, type Holds } from './holds.ts';
import { openKeptContainers, type KeptContainers } from './kept-containers.ts';
import { openNotices, type Notices } from './notices.ts';
import { ignoreUnknownSignals, refuseInput, takesNoInput } from './odd-messages.ts';
import { openShells, type Shells } from './shells.ts';
import { openStageProgress, type StageProgress } from './stage-progress.ts';
import { describeRow, describeStatus } from './build-answers.ts';
import * as messages from '../messages.ts';

/** Everything that may end a running build early, and its current state. */
export interface BuildRun {
  /** Why the build must end early: the most important reason so far. */
  readonly interruption: Interruption | undefined;
  interrupt(interruption: Interruption): void;
  isInterruptedBy(kinds: readonly Interruption['kind'][]): boolean;
  /** True: nothing of the user's may run any more. */
  isOver(): boolean;
  /** Updates the state that queries return. */
  show(change: Partial<messages.BuildState>): void;
  /** How often the node's process was restarted. */
  readonly restarts: number;
  /** Changes the search attributes of the build. */
  readonly showAttributes: AttributeChange;
  /** The stages so far, as people see them. */
  readonly stages: StageProgress;
  readonly holds: Holds;
  readonly shells: Shells;
  readonly kept: KeptContainers;
  readonly notices: Notices;
  /** The part of the progress that matters when the build's node is lost. */
  readonly progress: BuildProgress;
}

export interface BuildProgress {
  /** True: GitLab was told that the job runs. */
  isAcknowledged: boolean;
  /** True: GitLab no longer wants anything about the job from this runner. */
  isRefused: boolean;
  /** True: a stage of the user's script was handed to the node, so the build must stay there. */
  hasBegunScript: boolean;
  /** True: the job's clock is running, and its time-out ends the job. */
  isTimed: boolean;
  /** True: the node that the build is on can start the job's container for a person's shell. */
  startsForShells: boolean;
  /** True: GitLab has the result. */
  isReported: boolean;
  /** True: the node has deleted the record and has told the runner's workflow. */
  isReleased: boolean;
  /**
   * Stages that only print a line. The next call prints the lines too, because a call of its own
   * takes tens of milliseconds.
   */
  deferredPrintStages: PlannedStage[];
  /** The clean-up that is due when the environment is removed. */
  dueCleanup: PlannedStage | undefined;
  /** The first stage that did not succeed. */
  failedStage: string | undefined;
}

/** An interruption replaces only one of a lower priority. */
const PRIORITY: Readonly<Record<Interruption['kind'], number>> = {
  script_timeout: 1,
  canceling: 2,
  job_timeout: 3,
  aborted: 4,
};

const CANCEL = 'Cancels the job like the button in GitLab; its after_script still runs. No input.';

function cancelAnswer({ isOver }: BuildRun, cancel: () => void): string {
  if (isOver()) return 'the job ends already';
  cancel();
  return 'the job is told to end';
}

/** Opens the run of this workflow, which listens to its signals and to a cancel request. */
export function openBuildRun({ visible, plan }: JobSummary): BuildRun {
  let interruption: Interruption | undefined;
  let restarts = 0;
  const stages = openStageProgress();
  const [kept, notices] = [openKeptContainers(), openNotices()];
  const holds = openHolds({
    ...{ kept, notices, stages, stageNames: stageNamesOf(plan) },
    isAborted: () => interruption?.kind === 'aborted',
  });
  const shells = openShells({
    heldUntilMs: () => holds.heldUntilMs,
    endRefusal: holds.endRefusal,
    canStart: () => run.progress.startsForShells,
    tell: holds.tell,
  });
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
      const current = interruption && PRIORITY[interruption.kind];
      if (current !== undefined && current >= PRIORITY[next.kind]) return;
      interruption = next;
      run.show({ interruption });
    },
    get restarts() {
      return restarts;
    },
    progress: {
      ...{ isAcknowledged: false, isRefused: false, hasBegunScript: false, isTimed: false },
      ...{ startsForShells: false, isReported: false, isReleased: false },
      ...{ deferredPrintStages: [], dueCleanup: undefined, failedStage: undefined },
    },
    isInterruptedBy: (kinds) => interruption !== undefined && kinds.includes(interruption.kind),
    isOver: () => run.isInterruptedBy(['aborted', 'job_timeout']),
    ...{ stages, holds, shells, kept, notices },
    showAttributes: openAttributes(visible),
    show: (change) => {
      shown = { ...shown, ...change };
    },
  };
  const answers = (): messages.BuildState => shown;
  const isRestarted = (): void => {
    restarts += 1;
    stages.tell([]);
  };
  handleMessages(run, { answers, isRestarted });
  return run;
}

/**
 * Shows the waits that a signal tells. Anybody with access to the namespace may send it, so it is
 * parsed.
 */
function tellWaits(told: unknown, stages: StageProgress): void {
  const waits = parseWaits(told);
  if (waits === undefined) return log.warn('waits signal with unknown content ignored');
  stages.tell(waits);
}

interface BuildMessages {
  answers(): messages.BuildState;
  isRestarted(): void;
}

function handleMessages(run: BuildRun, { answers, isRestarted }: BuildMessages): void {
  const { stages } = run;
  const cancel = (): void => {
    run.interrupt({ kind: 'canceling' });
    run.holds.letGo();
  };
  setHandler(messages.nodeRestartedSignal, takesNoInput('nodeRestarted', isRestarted), {
    description: 'Sent by a node after its process was restarted.',
  });
  setHandler(messages.waitsSignal, (told) => tellWaits(told, stages), {
    description: 'Sent by the node to tell what the build waits for there.',
  });
  for (const signal of [messages.cancelBuildSignal, messages.cancelSignal]) {
    setHandler(signal, takesNoInput(signal.name, cancel), { description: CANCEL });
  }
  setHandler(messages.cancelUpdate, () => clearValue(cancelAnswer(run, cancel)), {
    ...{ description: CANCEL, validator: refuseInput('cancel') },
  });
  setHandler(messages.buildStateQuery, answers, {
    description: 'The state of the build, encrypted, for the program itself.',
  });
  setHandler(
    messages.buildStatusQuery,
    () => clearValue(describeStatus(answers(), { stages, failedStage: run.progress.failedStage })),
    { description: 'The state of the build and what it waits for. No input.' },
  );
  setHandler(messages.stagesQuery, () => clearValue(stages.rows.map(describeRow)), {
    description: 'Each try of each stage: state, times, exit code. No input.',
  });
  ignoreUnknownSignals();
  // A cancel request of a person has the same effect as one from GitLab: the build ends properly.
  CancellationScope.current().cancelRequested.catch(cancel);
}
