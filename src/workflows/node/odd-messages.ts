import { ApplicationFailure, log, patched, setDefaultSignalHandler } from '@temporalio/workflow';
import { withClearMessage } from '../../domain/clear-text.ts';
import { isNoInput } from '../../domain/no-input.ts';

// Anybody with access to the namespace may send any value, and an exception in the handler of a
// signal would block the workflow. So the workflow logs and ignores signals of the wrong shape, and
// refuses updates of the wrong shape. It never repeats the value, which may contain anything.

/** The refusal of a message whose input makes no sense. Everybody who sees Temporal can read it. */
export function badInput(message: string): ApplicationFailure {
  return withClearMessage(ApplicationFailure.nonRetryable(message, 'BadInput'));
}

/**
 * Creates the handler of a signal that takes no input. A signal with an input is ignored, because
 * its sender meant something else.
 */
export function takesNoInput(signal: string, work: () => void): (...inputs: unknown[]) => void {
  return (...inputs) => {
    // Releases up to 0.1.0 did not check the input.
    if (!inputs.every(isNoInput) && patched('signals without input refuse one')) {
      log.warn('signal takes no input, ignored', { signal });
      return;
    }
    work();
  };
}

/** Creates the validator of an update that takes no input. */
export function refuseInput(update: string): (...inputs: unknown[]) => void {
  return (...inputs) => {
    if (!inputs.every(isNoInput)) throw badInput(`${update} takes no input`);
  };
}

/** Logs signals that the workflow does not know. Call it after all other handlers are set. */
export function ignoreUnknownSignals(): void {
  setDefaultSignalHandler((signal) => log.warn('signal is not known, ignored', { signal }));
}
