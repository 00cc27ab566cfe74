import { createMarkReader, type LogRun } from '../../domain/script/log-marks.ts';
import type { StartedStage } from '../build/container-stage.ts';

/**
 * A container's own log, which is followed while a stage runs that writes marks into the log: see
 * `formatMark`. Neither promise ever rejects, and both resolve when the signal aborts.
 */
export interface FollowedLog {
  /** Resolves with the log before the script; with undefined when the log cannot be followed. */
  readonly begun: Promise<readonly LogRun[] | undefined>;
  /**
   * Resolves with the whole log when the script has ended with exit code 0 and has written nothing
   * into the log. Resolves with undefined when the script has written something, because processes
   * that the script has left running may write more until the container ends. Also resolves with
   * undefined when the log cannot be followed.
   */
  readonly ended: Promise<readonly LogRun[] | undefined>;
}

/** Following stops after this many bytes of the log, counted over all starts of the container. */
const MAX_FOLLOWED_BYTES = 64 * 1024;

export function followLog(stage: StartedStage, signal: AbortSignal): FollowedLog {
  let tellBegun: (log: readonly LogRun[] | undefined) => void = () => undefined;
  const begun = new Promise<readonly LogRun[] | undefined>((resolve) => {
    tellBegun = resolve;
  });
  const ended = readToEnd(stage, signal, tellBegun)
    .catch((error: unknown) => {
      const { container, ports } = stage;
      if (!signal.aborted)
        ports.log.debug('cannot follow the log of a container', { container, error });
      return undefined;
    })
    .finally(() => tellBegun(undefined));
  return { begun, ended };
}

async function readToEnd(
  { engine, start }: StartedStage,
  signal: AbortSignal,
  tellBegun: (log: readonly LogRun[]) => void,
): Promise<readonly LogRun[] | undefined> {
  const reader = createMarkReader(start.nonce);
  const log: LogRun[] = [];
  const options = { maxBytes: MAX_FOLLOWED_BYTES, signal };
  for await (const run of await engine.followLogs(start.containerId, options)) {
    log.push(run);
    const place = reader.read(run);
    if (place !== 'before') tellBegun([...log]);
    if (place === 'spoken') return undefined;
    if (place === 'end') return log;
  }
  return undefined;
}
