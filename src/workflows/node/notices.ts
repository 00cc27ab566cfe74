import type { TraceNotice } from '../../activities/contract.ts';

/** Lines about people's commands that the trace does not have yet. */
export interface Notices {
  /** The oldest one; undefined when all are written. */
  readonly next: TraceNotice | undefined;
  add(text: string): void;
  /** Takes the oldest one away. */
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
