/** Ranges [start, end) in order, which do not share a byte with each other. */
export interface CoveredRanges {
  readonly count: number;
  /** Of the first range; Infinity when there is none. */
  readonly firstStart: number;
  readonly firstEnd: number;
  /** Adds a range that no other one begins behind; those it shares a byte with become one with it. */
  cover(start: number, end: number): void;
  dropFirst(): void;
}

/** No ranges yet. */
export function createCoveredRanges(): CoveredRanges {
  const starts: number[] = [];
  const ends: number[] = [];
  let head = 0;
  return {
    get count() {
      return ends.length - head;
    },
    get firstStart() {
      return starts[head] ?? Infinity;
    },
    get firstEnd() {
      return ends[head] ?? Infinity;
    },
    cover: (start, end) => {
      let from = start;
      let to = end;
      while (ends.length > head && (ends.at(-1) ?? 0) > start) {
        from = Math.min(from, starts.pop() ?? from);
        to = Math.max(to, ends.pop() ?? to);
      }
      starts.push(from);
      ends.push(to);
    },
    dropFirst: () => {
      head++;
      if (head < ends.length) return;
      starts.length = ends.length = head = 0;
    },
  };
}
