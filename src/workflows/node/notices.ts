import type { TraceNotice } from '../../activities/contract.ts';

/** Lines about people's commands that are not in the trace yet. */
export interface Notices {
  /** The oldest one; undefined when all of them are in the trace. */
  readonly next: TraceNotice | undefined;
  add(text: string): void;
  /** Removes the oldest one. */
  drop(): void;
}

export function openNotices(): Notices {
  const waiting: TraceNotice[] = [];
  let count = 0;
  return {
    get next() {
      return waiting[0];
    },
    add: (text) => {
      count += 1;
      waiting.push({ key: `${count}`, text });
    },
    drop: () => void waiting.shift(),
  };
}
