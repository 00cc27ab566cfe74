import { timeoutFault, type ActionContext } from './faults.ts';

/** Aborts a transfer of any length as soon as nothing has moved for a while. */
export interface IdleLimit {
  /** Aborts after a time without movement, or with the caller's own signal. */
  readonly signal: AbortSignal;
  /** Records movement. */
  touch(): void;
  /** Stops the clock while the other side may take any time. */
  pause(): void;
  stop(): void;
  /** Returns the fault of the limit when the limit caused the error, otherwise the error itself. */
  fault(error: unknown, action: ActionContext): unknown;
}

export function startIdleLimit(limitMs: number, own: AbortSignal): IdleLimit {
  const idle = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const pause = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  const touch = (): void => {
    if (isStopped) return;
    if (timer === undefined) timer = setTimeout(() => idle.abort(), limitMs);
    else timer.refresh();
  };
  touch();
  return {
    signal: AbortSignal.any([own, idle.signal]),
    touch,
    pause,
    stop: () => {
      isStopped = true;
      pause();
    },
    fault: (error, action) =>
      idle.signal.aborted && !own.aborted ? timeoutFault(limitMs, action) : error,
  };
}
