/** Ordered ranges [start, end) that do not overlap. */
export interface CoveredRanges {
  readonly count: number;
  /** Start of the first range; Infinity when there is none. */
  readonly firstStart: number;
  readonly firstEnd: number;
  /**
   * Adds a range that begins at or after the start of all others. Ranges that overlap become one.
   */
  cover(start: number, end: number): void;
  dropFirst(): void;
}

/** Creates an empty list of ranges. */
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
