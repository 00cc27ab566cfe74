import { upsertSearchAttributes } from '@temporalio/workflow';
import { attributePairs, type JobAttributes } from '../../domain/context/job-attributes.ts';
import type { BuildOutcome } from '../../domain/context/outcome.ts';
import type { VisibleJob } from '../../domain/context/stage.ts';

/**
 * Changes the search attributes of a build. Does nothing for a build that was started without any.
 */
export type AttributeChange = (change: JobAttributes) => void;

export function openAttributes(visible: VisibleJob | undefined): AttributeChange {
  let shown: JobAttributes | undefined = visible?.attributes;
  return (change) => {
    if (shown === undefined) return;
    const before = shown;
    const news = Object.fromEntries(
      Object.entries(change).filter(
        ([name, value]) => value !== before[name as keyof JobAttributes],
      ),
    );
    shown = { ...shown, ...change };
    if (Object.keys(news).length > 0) upsertSearchAttributes(attributePairs(news));
  };
}

/** Returns how a build has ended, for its search attributes. */
export function attributesOfEnd(outcome: BuildOutcome, stage: string | undefined): JobAttributes {
  return {
    Result: outcome.state,
    ...(outcome.state === 'failed' && { FailureReason: outcome.reason }),
    ...(stage !== undefined && { Stage: stage }),
  };
}
