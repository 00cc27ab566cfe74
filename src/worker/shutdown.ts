import type { Log } from '../activities/ports.ts';

export type ShutdownKind = 'drain' | 'stop';

/**
 * Signals as gitlab-runner's users send them: SIGQUIT drains, SIGTERM and SIGINT stop, and one of
 * these after SIGQUIT stops too. A second SIGTERM or SIGINT ends the process on the spot.
 */
export function listenForShutdown(log: Log, onShutdown: (kind: ShutdownKind) => void): () => void {
  let isStopping = false;
  const drain = (): void => {
    log.info('SIGQUIT: no new jobs, waiting for the builds that run');
    onShutdown('drain');
  };
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) process.exit(1);
    isStopping = true;
    log.info(`${signal}: stopping; builds go on in their containers until the next start`);
    onShutdown('stop');
  };
  process.on('SIGQUIT', drain);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return () => {
    process.off('SIGQUIT', drain);
    process.off('SIGTERM', stop);
    process.off('SIGINT', stop);
  };
}
