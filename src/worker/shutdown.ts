import type { Log } from '../ports/index.ts';

/** The signals that the process has received. They have the same meaning as for gitlab-runner. */
export interface Shutdown {
  /** Aborts at the first SIGTERM or SIGINT. A second one ends the process at once. */
  readonly stopping: AbortSignal;
  /** Aborts with SIGQUIT. */
  readonly draining: AbortSignal;
  close(): void;
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
type ShutdownSignal = (typeof SIGNALS)[number];

const held: ShutdownSignal[] = [];
const hold = (signal: ShutdownSignal): void => void held.push(signal);
/**
 * Keeps SIGHUP from ending the process while nothing listens for reloads. A start reads the config
 * at its end anyway, and a stop needs it no more.
 */
const ignoreReload = (): void => undefined;

/** Remembers signals that arrive while the program is loaded, which takes seconds. */
export function holdSignals(): void {
  for (const signal of SIGNALS) process.on(signal, hold);
  process.on('SIGHUP', ignoreReload);
}

/** Raises the remembered signals now. For commands that leave signals to the system. */
export function releaseSignals(): void {
  for (const signal of SIGNALS) process.off(signal, hold);
  process.off('SIGHUP', ignoreReload);
  for (const signal of held.splice(0)) process.kill(process.pid, signal);
}

/** Listens for signals. SIGQUIT drains; SIGTERM and SIGINT stop, also after SIGQUIT. */
export function listenForShutdown(log: Log): Shutdown {
  const [stopping, draining] = [new AbortController(), new AbortController()];
  const onSignal = (signal: ShutdownSignal): void => {
    if (signal === 'SIGQUIT') {
      log.info('SIGQUIT: no new jobs, waiting for the builds that run');
      draining.abort();
      return;
    }
    if (stopping.signal.aborted) process.exit(1);
    log.info(`${signal}: stopping; builds go on in their containers until the next start`);
    stopping.abort();
  };
  for (const signal of SIGNALS) {
    process.on(signal, onSignal);
    process.off(signal, hold);
  }
  for (const signal of held.splice(0)) onSignal(signal);
  return {
    stopping: stopping.signal,
    draining: draining.signal,
    close: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}

/** Calls back when the signal aborts, or at once when it already has. */
export function onAbort(signal: AbortSignal, callback: () => void): void {
  if (signal.aborted) callback();
  else signal.addEventListener('abort', callback, { once: true });
}
