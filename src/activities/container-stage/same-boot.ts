import { FailureType, FinalError } from '../../domain/failure.ts';
import type { Clock } from '../../ports/index.ts';
import type { StageStart } from '../build/container-stage.ts';

const BEGINNING_LOST =
  'the machine was restarted, and its disk may lack the beginning of the stage; ' +
  'the stage is not run a second time';

/**
 * Throws when the machine was restarted after this start was noted, or may have been. Only the note
 * survives a power cut for sure. The record and the output of a script that had begun may be lost,
 * and Docker may have lost the start of its container.
 */
export function assertSameBoot(
  { boot, sinceMs }: StageStart,
  { clock }: { readonly clock: Pick<Clock, 'boot' | 'monotonicMs'> },
): void {
  if (boot === clock.boot && sinceMs <= clock.monotonicMs()) return;
  throw new FinalError(FailureType.RunnerSystem, BEGINNING_LOST);
}
