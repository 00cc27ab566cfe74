import { timeoutFault, type RefusedAction } from './faults.ts';

/** Ends a transfer of any length as soon as nothing has moved for a while. */
export interface IdleLimit {
  /** Aborts when nothing has moved, or when the caller's own signal does. */
  readonly signal: AbortSignal;
  /** Something has moved. */
  touch(): void;
  /** It is not Docker's turn: it may take as long as it likes. */
  pause(): void;
  stop(): void;
  /** The error as a fault when it came of the limit, else as it is. */
  fault(error: unknown, own: AbortSignal, action: RefusedAction): unknown;
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
    fault: (error, signal, action) =>
      idle.signal.aborted && !signal.aborted ? timeoutFault(limitMs, action) : error,
  };
}
