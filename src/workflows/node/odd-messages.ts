import { ApplicationFailure, log, patched, setDefaultSignalHandler } from '@temporalio/workflow';
import { withClearMessage } from '../../domain/clear-text.ts';
import { isNoInput } from '../../domain/no-input.ts';

// Anybody with access to the namespace may send any value, and an exception in the handler of a signal would
// block the workflow. So signals of the wrong shape are told in the log, and updates are refused. What they
// hold is never told: it may be anything.

/** A message whose input makes no sense. Everybody who sees Temporal may read the words. */
export function badInput(message: string): ApplicationFailure {
  return withClearMessage(ApplicationFailure.nonRetryable(message, 'BadInput'));
}

/** The handler of a signal that takes no input: one with an input is meant for something else. */
export function takesNoInput(signal: string, work: () => void): (...inputs: unknown[]) => void {
  return (...inputs) => {
    // Releases up to 0.1.0 did not look at it.
    if (!inputs.every(isNoInput) && patched('signals without input refuse one')) {
      log.warn('signal takes no input, ignored', { signal });
      return;
    }
    work();
  };
}

/** The validator of an update that takes no input. */
export function refuseInput(update: string): (...inputs: unknown[]) => void {
  return (...inputs) => {
    if (!inputs.every(isNoInput)) throw badInput(`${update} takes no input`);
  };
}

/** Tells of signals that the workflow does not know. To be called after all other handlers are set. */
export function ignoreUnknownSignals(): void {
  setDefaultSignalHandler((signal) => log.warn('signal is not known, ignored', { signal }));
}
