import type { StageOutcome } from '../../domain/context/outcome.ts';
import { FailureType } from '../../domain/failure.ts';

/** Whatever its script came to: where that was written down is gone, with what is to run after it. */
export function outcomeOfLoss(message: string): StageOutcome {
  return { kind: 'system_failed', type: FailureType.RunnerSystem, message };
}
