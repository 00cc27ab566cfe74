import { createByteSink } from './byte-sink.ts';
import { createCoveredRanges } from './covered-ranges.ts';
import { createHeldBytes } from './held-bytes.ts';
import { MASK } from './mask-text.ts';

/**
 * One stream of bytes, some ranges of which are covered by a mask. Positions count the stream's
 * bytes.
 */
export interface MaskedOutput {
  /** Position of the bytes under examination: all earlier bytes belong to earlier writes. */
  readonly writtenEnd: number;
  /** Number of covered ranges that were not emitted yet. */
  readonly waiting: number;
  /** Covers [start, end). Overlapping ranges become one. */
  cover(start: number, end: number): void;
  /** Decides `bytes` up to `to`: no later range begins before that position. */
  decide(bytes: Uint8Array, to: number): void;
  /**
   * Ends the examination of `bytes` and emits everything but the last `keepBytes`. May be a view of
   * `bytes`.
   */
  take(bytes: Uint8Array, keepBytes: number): Uint8Array;
  /** Emits these masked bytes together with the next ones. */
  putBack(masked: Uint8Array): void;
  /** The bytes that were kept, and how many of them belong to a range that began earlier. */
  held(): Uint8Array;
  coveredBytes(): number;
}

/** Creates an output. `coveredBytes` is a value of an earlier output: see `held`. */
export function createMaskedOutput(coveredBytes: number): MaskedOutput {
  const out = createByteSink(0);
  const held = createHeldBytes();
  const covered = createCoveredRanges();
  // Invariant: outside of `decide` and `take`, the held bytes are [decidedEnd, writtenEnd).
  let decidedEnd = 0;
  let writtenEnd = 0;
  if (coveredBytes > 0) covered.cover(-1, coveredBytes);

  const give = (bytes: Uint8Array, from: number, to: number): void => {
    const heldStart = writtenEnd - held.length;
    const heldEnd = Math.min(to, writtenEnd);
    if (from < heldEnd) out.append(held.view(from - heldStart, heldEnd - heldStart));
    if (to <= writtenEnd) return;
    out.appendRange(bytes, Math.max(from, writtenEnd) - writtenEnd, to - writtenEnd);
  };
  const decide = (bytes: Uint8Array, to: number): void => {
    while (covered.firstEnd <= to) {
      give(bytes, decidedEnd, covered.firstStart);
      out.append(MASK);
      decidedEnd = covered.firstEnd;
      covered.dropFirst();
    }
    give(bytes, decidedEnd, Math.min(to, covered.firstStart));
    decidedEnd = Math.max(decidedEnd, to);
  };
  const hold = (bytes: Uint8Array): void => {
    const stillHeld = Math.max(0, writtenEnd - decidedEnd);
    held.drop(held.length - stillHeld);
    held.append(bytes.subarray(Math.max(0, decidedEnd - writtenEnd)));
    writtenEnd += bytes.length;
  };

  return {
    get writtenEnd() {
      return writtenEnd;
    },
    get waiting() {
      return covered.count;
    },
    cover: covered.cover,
    decide,
    take: (bytes, keepBytes) => {
      const to = writtenEnd + bytes.length - keepBytes;
      const isUntouched = held.length + covered.count + out.length === 0;
      if (isUntouched) decidedEnd = to;
      else decide(bytes, to);
      const untouched = bytes.subarray(0, Math.max(0, to - writtenEnd));
      hold(bytes);
      return isUntouched ? untouched : out.take();
    },
    putBack: (masked) => out.append(masked),
    held: () => held.view(0, held.length),
    coveredBytes: () => (covered.firstStart < decidedEnd ? covered.firstEnd - decidedEnd : 0),
  };
}
