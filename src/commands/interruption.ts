import type { Prompter } from './prompter.ts';

/** SIGINT and SIGTERM as an error at the next safe point. A second one ends the process at once. */
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

/** Ends an open question at the interruption. */
export function interruptible(prompter: Prompter, { signal }: Interruption): Prompter {
  const raised = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  raised.catch(() => undefined); // it may come when no question is open
  return { ...prompter, ask: (input) => Promise.race([raised, prompter.ask(input)]) };
}
