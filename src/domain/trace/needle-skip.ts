/** Passes over text in which no needle begins; see {@link createNeedleSkip}. */
export type NeedleSkip = (bytes: Uint8Array, start: number) => number;

/**
 * The longest part of each needle in the table. Longer parts would fill the table faster than they
 * lengthen the jumps.
 */
const MAX_WINDOW_BYTES = 16;
const MIN_BITS = 13;
const MAX_BITS = 16;
/** Number of places in the table for each one in use. The unused places allow the longest jump. */
const SPARSENESS = 16;
const SAME: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/**
 * Creates a function that returns the first place from `start` on at which a needle may begin. No
 * needle begins before it, not even one whose end is still to come. It examines few of the bytes:
 * the two at the end of a window as long as the shortest needle tell how far the window may jump
 * (Wu and Manber, 1994). Each byte of the text counts as what `fold` makes of it; the needles are
 * folded already, and none of them is empty.
 */
export function createNeedleSkip(
  needles: readonly Uint8Array[],
  fold: Uint8Array = SAME,
): NeedleSkip {
  if (needles.length === 0) return (bytes, start) => Math.max(start, bytes.length);
  const isFirst = foldedFirsts(needles, fold);
  const windowBytes = Math.min(MAX_WINDOW_BYTES, ...needles.map(({ length }) => length));
  if (windowBytes < 2) return (bytes, start) => skipByFirst(isFirst, bytes, start);
  const { jumps, shift, mask } = makeJumps(needles, windowBytes);
  const longest = windowBytes - 1;
  const beforeLast = windowBytes - 2;
  const folded = (bytes: Uint8Array, at: number): number => fold[bytes[at] ?? 0] ?? 0;
  return (bytes, start) => {
    const last = bytes.length - windowBytes;
    let at = start;
    while (at <= last) {
      const place = (folded(bytes, at + beforeLast) << shift) ^ folded(bytes, at + longest);
      const jump = jumps[place & mask] ?? 0;
      if (jump > 0) at += jump;
      else if (isFirst[bytes[at] ?? 0] === 0) at++;
      else return at;
    }
    return Math.max(start, Math.min(at, bytes.length));
  };
}

function foldedFirsts(needles: readonly Uint8Array[], fold: Uint8Array): Uint8Array {
  const firsts = new Set(needles.map(([first]) => first));
  return fold.map((byte) => (firsts.has(byte) ? 1 : 0));
}

function skipByFirst(isFirst: Uint8Array, bytes: Uint8Array, start: number): number {
  let i = start;
  while (i < bytes.length && isFirst[bytes[i] ?? 0] === 0) i++;
  return i;
}

interface Jumps {
  /**
   * For each pair of bytes: the distance from the end of a window to the end of the nearest needle
   * with this pair.
   */
  readonly jumps: Uint8Array;
  readonly shift: number;
  readonly mask: number;
}

function makeJumps(needles: readonly Uint8Array[], windowBytes: number): Jumps {
  const longest = windowBytes - 1;
  const wantedBits = Math.ceil(Math.log2(needles.length * longest * SPARSENESS));
  const bits = Math.min(MAX_BITS, Math.max(MIN_BITS, wantedBits));
  const shift = bits - 8;
  const mask = (1 << bits) - 1;
  const jumps = new Uint8Array(1 << bits).fill(longest);
  for (const needle of needles) {
    for (let i = 1; i < windowBytes; i++) {
      const place = (((needle[i - 1] ?? 0) << shift) ^ (needle[i] ?? 0)) & mask;
      jumps[place] = Math.min(jumps[place] ?? 0, longest - i);
    }
  }
  return { jumps, shift, mask };
}
