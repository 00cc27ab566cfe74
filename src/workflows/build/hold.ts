import { condition } from '@temporalio/workflow';
import type { BuildRef } from '../../activities/contract.ts';
import { formatMoment } from '../../domain/build/stage-table.ts';
import { clearValue } from '../../domain/clear-text.ts';
import type { NodeAssignment } from '../failover/node-assignment.ts';
import type { BuildRun } from '../node/build-run.ts';
import { logAndContinue } from './background.ts';

export interface HoldScope {
  readonly assignment: NodeAssignment;
  readonly run: BuildRun;
}

/** Stops before a stage, as long as a person's order says so. An ending job does not wait. */
export async function stopBefore(stage: string, { assignment, run }: HoldScope): Promise<void> {
  const { holds, stages, notices } = run;
  const isEnding = (): boolean =>
    run.isInterruptedBy(['canceling', 'job_timeout', 'aborted']) ||
    assignment.failover !== undefined;
  for (;;) {
    const untilMs = holds.stopBefore(stage);
    if (untilMs === undefined) return;
    // On its next node the build stops here again.
    if (assignment.failover !== undefined) return;
    if (isEnding() || Date.now() >= untilMs) return holds.goOn(stage);
    const until = formatMoment(untilMs);
    notices.add(
      `The job has stopped before ${stage}, until ${until} or until \`release\`. Its time-out goes on counting.`,
    );
    const summary = clearValue(`held before ${stage} until ${until} at the latest`);
    await stages.waitFor(`release or ${until}: held before ${stage}`, () =>
      condition(() => isEnding() || holds.stopBefore(stage) !== untilMs, untilMs - Date.now(), {
        summary,
      }),
    );
  }
}

/** Runs beside the build, and writes into its trace what people have ordered. */
export async function writeNotices(
  build: BuildRef,
  { assignment, run: { notices } }: HoldScope,
): Promise<void> {
  for (;;) {
    await condition(() => notices.next !== undefined);
    const notice = notices.next;
    if (notice === undefined) continue;
    await logAndContinue('order of a person not written into the log', () =>
      assignment.onNode(() => assignment.node.notice.writeNotice(build, notice)),
    );
    notices.drop();
  }
}

/** Nothing can be written once the trace is finished. */
export async function noticesWritten({ assignment, run: { notices } }: HoldScope): Promise<void> {
  if (notices.next === undefined) return;
  await condition(() => notices.next === undefined || assignment.failover !== undefined);
}
