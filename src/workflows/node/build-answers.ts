import { describeEnd } from '../../domain/build/end-text.ts';
import type { StageRow } from '../../domain/build/stage-table.ts';
import type * as messages from '../messages.ts';
import type { StageProgress } from './stage-progress.ts';

/** Answers the query `status` with times and words of closed lists. */
export function describeStatus(
  { stage, interruption, outcome }: messages.BuildState,
  {
    stages,
    failedStage,
  }: { readonly stages: StageProgress; readonly failedStage: string | undefined },
): messages.BuildStatus {
  const { waits } = stages;
  const [oldest] = waits;
  return {
    stage,
    ...(interruption !== undefined && { interruption: interruption.kind }),
    ...(oldest && {
      waitsFor: [...new Set(waits.map(({ what }) => what))].join('; '),
      since: new Date(oldest.sinceMs).toISOString(),
    }),
    ...(outcome && { result: outcome.state }),
    ...(outcome && outcome.state !== 'success' && { why: describeEnd(outcome, failedStage).text }),
  };
}

/** Formats one row of the answer to the query `stages`. */
export function describeRow({ startedMs, endedMs, end, ...row }: StageRow): messages.StageAnswer {
  return {
    ...row,
    state: end ?? 'running',
    started: new Date(startedMs).toISOString(),
    ...(endedMs !== undefined && { seconds: (endedMs - startedMs) / 1000 }),
  };
}
