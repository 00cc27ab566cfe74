import type { Prompter } from './prompter.ts';

/**
 * Turns SIGINT and SIGTERM into an error at the next safe point. A second one ends the process at
 * once.
 */
export interface Interruption {
  readonly signal: AbortSignal;
  throwIfRaised(): void;
  close(): void;
}

export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  const raise = (name: NodeJS.Signals): void => {
    controller.abort(new Error(`RECEIVED SIGNAL: ${name}`));
  };
  process.once('SIGINT', raise);
  process.once('SIGTERM', raise);
  return {
    signal: controller.signal,
    throwIfRaised: () => controller.signal.throwIfAborted(),
    close: () => {
      process.off('SIGINT', raise);
      process.off('SIGTERM', raise);
    },
  };
}

/** Wraps a prompter so that the interruption ends an open question. */
export function interruptible(prompter: Prompter, { signal }: Interruption): Prompter {
  const raised = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  raised.catch(() => undefined); // The interruption may come when no question is open.
  return { ...prompter, ask: (input) => Promise.race([raised, prompter.ask(input)]) };
}
