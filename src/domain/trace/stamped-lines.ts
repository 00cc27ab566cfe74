import type { ByteTools } from './byte-tools.ts';

/** Puts prefixes before lines, in memory that is used again. */
export interface StampedLines {
  readonly hasMore: boolean;
  /** Begins with `lines`. They end in LF, or get one here when `addsEnd` is set. */
  begin(lines: Uint8Array, addsEnd: boolean): void;
  /** Puts `prefix` before the next line. */
  give(prefix: Uint8Array): void;
  /** Returns everything that was given since `begin`. It is valid until the next `begin`. */
  take(): Uint8Array;
}

const LF = 0x0a;
/** With this factor, lines of the usual length fit with their stamps. */
const ROOM_FACTOR = 1.5;
const SPARE_BYTES = 16 * 1024;
/** Larger memory, for lines without text or for a huge write, is released again. */
const KEPT_BYTES = 1024 * 1024;

/**
 * Creates the lines. Waiting lines are at the end of the memory, and those with a prefix grow from
 * its beginning. So each line is moved within one memory, which is much faster than a view and a
 * copy.
 */
export function createStampedLines({ allocate }: Pick<ByteTools, 'allocate'>): StampedLines {
  let memory = allocate(0);
  let given = 0;
  // Invariant: the given bytes are [0, given), the waiting ones are [next, memory.length), and
  // given <= next.
  let next = 0;

  const growTo = (lengthBytes: number): void => {
    const larger = allocate(lengthBytes);
    const waiting = memory.length - next;
    larger.set(memory.subarray(0, given));
    larger.set(memory.subarray(next), lengthBytes - waiting);
    memory = larger;
    next = lengthBytes - waiting;
  };
  return {
    get hasMore() {
      return next < memory.length;
    },
    begin: (lines, addsEnd) => {
      const waiting = lines.length + (addsEnd ? 1 : 0);
      const wanted = Math.ceil(waiting * ROOM_FACTOR) + SPARE_BYTES;
      given = 0;
      next = memory.length;
      if (wanted > memory.length || memory.length > KEPT_BYTES) growTo(wanted);
      next = memory.length - waiting;
      memory.set(lines, next);
      if (addsEnd) memory[memory.length - 1] = LF;
    },
    give: (prefix) => {
      if (given + prefix.length > next) growTo(memory.length * 2 + prefix.length);
      const end = memory.indexOf(LF, next) + 1;
      memory.set(prefix, given);
      memory.copyWithin(given + prefix.length, next, end);
      given += prefix.length + end - next;
      next = end;
    },
    take: () => memory.subarray(0, given),
  };
}
