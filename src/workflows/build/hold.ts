import { condition } from '@temporalio/workflow';
import type { BuildRef } from '../../activities/contract.ts';
import { holdPointOf, type HoldPlace } from '../../domain/build/hold.ts';
import { formatMoment } from '../../domain/build/stage-table.ts';
import { clearValue } from '../../domain/clear-text.ts';
import type { NodeAssignment } from '../failover/node-assignment.ts';
import type { BuildRun } from '../node/build-run.ts';
import { logAndContinue } from './background.ts';

export interface HoldScope {
  readonly assignment: NodeAssignment;
  readonly run: BuildRun;
}

/** Whether a person's command stops the build before a stage, or after it has failed. */
export function isHeldAt(at: HoldPlace, { holds }: BuildRun): boolean {
  const point = holdPointOf(at);
  return point !== undefined && holds.hasCommandAt(point);
}

/**
 * Waits for as long as a person's command holds the build. Returns whether a failed stage is to be
 * tried again. Only call it where {@link isHeldAt} returns true: builds that nobody holds must
 * decide as they did before holds existed.
 */
export async function stopAt(at: HoldPlace, scope: HoldScope): Promise<boolean> {
  const { holds } = scope.run;
  await stopAtPoint(holdPointOf(at) ?? '', scope);
  if (!holds.isRetried) return false;
  holds.takeRetry();
  return true;
}

/** Waits at one point. A job that is ending does not wait. */
async function stopAtPoint(point: string, { assignment, run }: HoldScope): Promise<void> {
  const { holds, stages, notices } = run;
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
    notices.add(
      `The job has stopped ${point}, until ${until} or until \`release\`.` +
        (run.progress.isTimed ? ' Its time-out goes on counting.' : ''),
    );
    const summary = clearValue(`held ${point} until ${until} at the latest`);
    await stages.waitFor(`release or ${until}: held ${point}`, () =>
      condition(
        () => isEnding() || holds.isRetried || holds.stopAt(point) !== untilMs,
        untilMs - Date.now(),
        { summary },
      ),
    );
  }
}

/** Writes people's commands into the trace. Runs beside the build. */
export async function writeNotices(
  build: BuildRef,
  { assignment, run: { notices } }: HoldScope,
): Promise<void> {
  for (;;) {
    await condition(() => notices.next !== undefined);
    const notice = notices.next;
    if (notice === undefined) continue;
    await logAndContinue('command of a person not written into the log', () =>
      assignment.onNode(() => assignment.node.notice.writeNotice(build, notice)),
    );
    notices.drop();
  }
}

/**
 * Waits until all notices are in the trace, because nothing can be written once the trace is
 * finished.
 */
export async function noticesWritten({ assignment, run: { notices } }: HoldScope): Promise<void> {
  if (notices.next === undefined) return;
  await condition(() => notices.next === undefined || assignment.failover !== undefined);
}
