import type { ByteTools } from './byte-tools.ts';

/** Makes room for lines with a prefix each, in memory that is used again. */
export interface StampedLines {
  readonly hasMore: boolean;
  /** Takes over `lines`, which end in LF, or get one here when `addsEnd` is set. */
  begin(lines: Uint8Array, addsEnd: boolean): void;
  /** Puts `prefix` in front of the next line. */
  give(prefix: Uint8Array): void;
  /** All that was given since `begin`. Only valid until the next `begin`. */
  take(): Uint8Array;
}

const LF = 0x0a;
/** Lines of the usual length with their stamps fit without growing. */
const ROOM_FACTOR = 1.5;
const SPARE_BYTES = 16 * 1024;
/** What was needed for more than that, for lines without text or for a huge write, is let go of. */
const KEPT_BYTES = 1024 * 1024;

/**
 * The lines wait at the end of the memory, those with a prefix grow from its beginning: so each line is
 * moved within one memory, which is far faster than the view and the copy that it would take else.
 */
export function createStampedLines({ allocate }: Pick<ByteTools, 'allocate'>): StampedLines {
  let memory = allocate(0);
  let given = 0;
  // Invariant: what was given is [0, given), what waits is [next, memory.length), given <= next.
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
