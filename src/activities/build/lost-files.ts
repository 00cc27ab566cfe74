import type { StageOutcome } from '../../domain/context/outcome.ts';
import { FailureType } from '../../domain/failure.ts';

/**
 * Returns the outcome after the node's files were lost. The script's own result is unknown, because
 * it was recorded there.
 */
export function outcomeOfLostFiles(message: string): StageOutcome {
  return { kind: 'system_failed', type: FailureType.RunnerSystem, message };
}
