import { clearValue } from '../../domain/clear-text.ts';
import { WAITS_SIGNAL, type NodeWait, type WaitReason } from '../../domain/build/wait.ts';
import type { Ports } from '../../ports/index.ts';

/**
 * What a build waits for in this process. The build's workflow is told, because people look there.
 */
export interface Waits {
  /** Begins a wait. A repeated call for the same key and reason continues the wait. */
  begin(key: string, reason: WaitReason): void;
  end(key: string): void;
  during<T>(key: string, reason: WaitReason, work: () => Promise<T>): Promise<T>;
  /** Stops telling the workflow. */
  close(): void;
}

/**
 * The workflow learns nothing of shorter waits, because each message adds events to its history.
 */
const TELL_AFTER_MS = 2_000;
const AGAIN_AFTER_MS = 10_000;
/**
 * The most messages to the workflow, because each message adds events to its history. The last one
 * says that the build waits for nothing.
 */
const MAX_TOLD = 100;

export function openWaits(
  buildId: string,
  { workflows, clock }: Pick<Ports, 'workflows' | 'clock'>,
): Waits {
  const open = new Map<string, NodeWait>();
  let timer: NodeJS.Timeout | undefined;
  let told = '[]';
  let count = 0;
  let isClosed = false;

  const plan = (afterMs: number): void => {
    if (isClosed || count >= MAX_TOLD) return;
    timer ??= setTimeout(() => void tell(), afterMs).unref();
  };
  const tell = async (): Promise<void> => {
    const waits = count === MAX_TOLD - 1 ? [] : [...open.values()];
    const text = JSON.stringify(waits);
    let nextMs: number | undefined;
    if (text !== told) {
      try {
        await workflows.signal(buildId, { name: WAITS_SIGNAL, args: [clearValue(waits)] });
        told = text;
        count += 1;
      } catch {
        // Temporal is probably away. Nobody can see the message then, so the next try may be late.
        nextMs = AGAIN_AFTER_MS;
      }
    }
    timer = undefined;
    if (JSON.stringify([...open.values()]) !== told) plan(nextMs ?? TELL_AFTER_MS);
  };

  const waits: Waits = {
    begin: (key, reason) => {
      const known = open.get(key);
      if (known?.what === reason.what && known.status === reason.status) return;
      open.set(key, { key, ...reason, sinceMs: clock.nowMs() });
      plan(TELL_AFTER_MS);
    },
    end: (key) => {
      if (open.delete(key)) plan(TELL_AFTER_MS);
    },
    during: async (key, reason, work) => {
      waits.begin(key, reason);
      return work().finally(() => waits.end(key));
    },
    close: () => {
      isClosed = true;
      clearTimeout(timer);
    },
  };
  return waits;
}
