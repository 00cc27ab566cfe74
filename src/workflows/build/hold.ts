import { condition } from '@temporalio/workflow';
import type { BuildRef } from '../../activities/contract.ts';
import { describeHoldPoint, type HoldPoint } from '../../domain/build/hold.ts';
import { formatMoment } from '../../domain/build/stage-table.ts';
import { clearValue } from '../../domain/clear-text.ts';
import type { BuildScope } from '../failover/node-assignment.ts';
import type { BuildRun } from '../node/build-run.ts';
import type { ShellStart } from '../node/shells.ts';
import { logAndContinue } from './background.ts';

interface StopScope extends BuildScope {
  readonly build: BuildRef;
}

/** Whether a person's command stops the build before a stage, or after it has failed. */
export function isHeldAt(at: HoldPoint, { holds }: BuildRun): boolean {
  const point = describeHoldPoint(at);
  return point !== undefined && holds.hasCommandAt(point);
}

/**
 * Waits for as long as a person's command holds the build. Returns whether a failed stage is to be
 * tried again. Only call it where {@link isHeldAt} returns true: builds that nobody holds must
 * decide as they did before holds existed.
 */
export async function stopAt(at: HoldPoint, scope: StopScope): Promise<boolean> {
  const { holds } = scope.run;
  await stopAtPoint(describeHoldPoint(at) ?? '', scope);
  if (!holds.isRetried) return false;
  holds.takeRetry();
  return true;
}

/** Waits at one point. A job that is ending does not wait. */
async function stopAtPoint(point: string, { build, assignment, run }: StopScope): Promise<void> {
  const { holds, stages, shells } = run;
  const start = shellStart(build, { assignment, run });
  let toldMs: number | undefined;
  const isEnding = (): boolean =>
    run.isInterruptedBy(['canceling', 'job_timeout', 'aborted']) ||
    assignment.failover !== undefined;
  for (;;) {
    const untilMs = holds.stopAt(point);
    if (untilMs === undefined || holds.isRetried) return;
    // The build stops at this point again on its next node.
    if (assignment.failover !== undefined) return;
    if (isEnding() || Date.now() >= untilMs) return holds.goOn(point);
    const until = formatMoment(untilMs);
    if (untilMs !== toldMs) tellStop(`${point}, until ${until}`, run);
    toldMs = untilMs;
    const summary = clearValue(`held ${point} until ${until} at the latest`);
    const isOver = (): boolean => isEnding() || holds.isRetried || holds.stopAt(point) !== untilMs;
    await stages.waitFor(`release or ${until}: held ${point}`, () =>
      condition(() => isOver() || shells.isAwaited, untilMs - Date.now(), { summary }),
    );
    if (shells.isAwaited && !isOver()) await shells.serve(start);
  }
}

function tellStop(where: string, { notices, progress }: BuildRun): void {
  const clock = progress.isTimed ? ' Its time-out goes on counting.' : '';
  notices.add(`The job has stopped ${where} or until \`release\`.${clock}`);
}

/** Returns the call that starts the job's container for a person's shell. */
export function shellStart(build: BuildRef, { assignment }: BuildScope): ShellStart {
  return (count) => assignment.onNode((node) => node.quick.startForShell(build, count));
}

/** Writes people's commands into the trace. Runs beside the build. */
export async function writeNotices(
  build: BuildRef,
  { assignment, run: { notices } }: BuildScope,
): Promise<void> {
  for (;;) {
    await condition(() => notices.next !== undefined);
    const notice = notices.next;
    if (notice === undefined) continue;
    await logAndContinue('command of a person not written into the log', () =>
      assignment.onNode((node) => node.notice.writeNotice(build, notice)),
    );
    notices.drop();
  }
}

/**
 * Waits until all notices are in the trace, because nothing can be written once the trace is
 * finished.
 */
export function noticesWritten({ assignment, run: { notices } }: BuildScope): Promise<void> {
  return condition(() => notices.next === undefined || assignment.failover !== undefined);
}
