import { CancellationScope, condition, log } from '@temporalio/workflow';
import type { BuildRef, StopRequest } from '../../activities/contract.ts';
import type { Interruption } from '../../domain/context/outcome.ts';
import { reasonOf, throwBug } from '../node/activity-failure.ts';
import type { BuildScope } from '../failover/node-assignment.ts';
import { STOP_LIMIT_MS, type BuildNode } from '../node/build-node.ts';
import { watch, type Watched } from '../node/watched.ts';

export type EndingKinds = readonly Interruption['kind'][];

/** Work on the node that can be stopped. */
export interface Stoppable<T> {
  call(node: BuildNode): Promise<T>;
  /** The interruptions that end it. */
  readonly ending: EndingKinds;
  readonly limitMs?: number | undefined;
  /**
   * Returns the time that is left by the node's clock. Called when the limit has passed by
   * Temporal's clock.
   */
  readonly leftMs?: () => Promise<number>;
  readonly how: StopRequest['how'];
}

/** Pause before a stage is asked to stop a second time. It doubles each time. */
const FIRST_STOP_PAUSE_MS = 1_000;

/** Runs work that an interruption or a time limit may end. */
export interface Canceller {
  /** True: some work could not be stopped and would still run beside later work. */
  readonly isStuck: boolean;
  /**
   * Returns the answer of the call, or undefined when it was stopped. Work may begin at the very
   * moment when it is asked to stop, so the request is repeated until the work has ended.
   */
  run<T>(work: Stoppable<T>): Promise<Watched<T> | undefined>;
}

export function openCanceller(build: BuildRef, { assignment, run }: BuildScope): Canceller {
  let isStuck = false;

  const stopUntilEnded = async <T>(
    running: Watched<T>,
    { how, limitMs }: Stoppable<T>,
  ): Promise<boolean> => {
    const giveUpAtMs = Date.now() + STOP_LIMIT_MS;
    for (let pauseMs = FIRST_STOP_PAUSE_MS; ; pauseMs *= 2) {
      const reason = describeStop(run.interruption, limitMs);
      const hasStopped = await stop({ how: run.isOver() ? 'kill' : how, reason });
      if (!running.isSettled) await condition(() => running.isSettled, pauseMs);
      if ((hasStopped || assignment.failover !== undefined) && running.isSettled) return true;
      if (Date.now() >= giveUpAtMs) return false;
    }
  };

  const stop = async (request: StopRequest): Promise<boolean> => {
    try {
      await assignment.onNode((node) => node.stop.stopStage(build, request));
      return true;
    } catch (error) {
      throwBug(error);
      log.warn('stage not stopped', { reason: reasonOf(error) });
      return false;
    }
  };

  return {
    get isStuck() {
      return isStuck;
    },
    run: async (work) => {
      const scope = new CancellationScope();
      const running = watch(scope.run(() => assignment.onNode(work.call)));
      const isEnding = (): boolean => running.isSettled || run.isInterruptedBy(work.ending);
      await endOrLimit(isEnding, work);
      if (running.isSettled) return running;

      scope.cancel(); // After this the call neither begins nor is retried.
      isStuck = !(await stopUntilEnded(running, work));
      return undefined;
    },
  };
}

/** Returns when the work ends, or when its time is over. */
async function endOrLimit<T>(
  isEnding: () => boolean,
  { limitMs, leftMs }: Stoppable<T>,
): Promise<void> {
  if (limitMs === undefined) return condition(isEnding);
  for (let waitMs = limitMs; waitMs > 0;) {
    if (await condition(isEnding, waitMs)) return;
    waitMs = (await leftMs?.()) ?? 0;
  }
}

function describeStop(interruption: Interruption | undefined, limitMs: number | undefined): string {
  switch (interruption?.kind) {
    case 'aborted':
      return 'the coordinator has ended the job';
    case 'job_timeout':
      return `the job took longer than ${interruption.timeoutMs / 1000} s`;
    case 'script_timeout':
    case 'canceling':
    case undefined:
      return limitMs === undefined
        ? describeScriptStop(interruption)
        : `took longer than ${limitMs / 1000} s`;
  }
}

function describeScriptStop(
  interruption: Extract<Interruption, { kind: 'canceling' | 'script_timeout' }> | undefined,
): string {
  return interruption?.kind === 'script_timeout'
    ? `the script took longer than ${interruption.timeoutMs / 1000} s`
    : 'canceled externally';
}
