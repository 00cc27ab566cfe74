import type { ByteTools } from './byte-tools.ts';

/**
 * Passes over text in which no needle begins. `skip(bytes, searchIn)` examines one text, whose bytes
 * must not change meanwhile, if possible by the host's search; see {@link createNeedleSkip}.
 */
export type NeedleSkip = (bytes: Uint8Array, searchIn?: ByteTools['searchIn']) => SkipFrom;

/** The skip of one text. Each call begins at the same place as the one before it, or later. */
export type SkipFrom = (start: number) => number;

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
 * Creates a function that returns, for a text, the first place from `start` on at which a needle may
 * begin. No needle begins before it, not even one whose end is still to come. `fold` says what each
 * byte of the text counts as; the needles are folded already, and none of them is empty.
 */
export function createNeedleSkip(needles: readonly Uint8Array[], fold = SAME): NeedleSkip {
  if (needles.length === 0) return (bytes) => (start) => Math.max(start, bytes.length);
  const jump = createJump(needles, fold);
  const openings = findOpenings(needles, fold);
  return (bytes, searchIn) =>
    searchIn === undefined || openings === undefined
      ? (start) => jump(bytes, start)
      : searchOpenings(bytes, { openings, searchIn, jump });
}

/** More openings would take as long to search one after another as jumps take. */
const MAX_OPENINGS = 2;

/**
 * Returns how the needles begin: their different first two bytes, or first bytes, if these are few
 * and can be searched as they are. Otherwise returns undefined.
 */
function findOpenings(
  needles: readonly Uint8Array[],
  fold: Uint8Array,
): readonly Uint8Array[] | undefined {
  for (const length of [2, 1]) {
    const beginnings = needles.map((needle) => needle.subarray(0, length));
    const openings = [...new Map(beginnings.map((bytes) => [bytes.join(), bytes])).values()];
    if (openings.length > MAX_OPENINGS) continue;
    if (openings.every((bytes) => bytes.length === length && isUnfolded(bytes, fold))) {
      return openings;
    }
  }
  return undefined;
}

/** Whether the text can have these bytes in one form only. */
function isUnfolded(bytes: Uint8Array, fold: Uint8Array): boolean {
  return bytes.every((byte) =>
    fold.every((folded, other) => (folded === byte) === (other === byte)),
  );
}

interface OpeningSearch {
  readonly openings: readonly Uint8Array[];
  readonly searchIn: NonNullable<ByteTools['searchIn']>;
  readonly jump: Jump;
}

/** A search takes as long as jumps need for about this number of bytes. */
const SEARCH_BYTES = 64;
/** A text with few searches is not judged yet. */
const FREE_SEARCHES = 16;

/**
 * Skips one text by searches for the openings, one search for each place where one is found. Where
 * the openings have been frequent so far, it jumps instead.
 */
function searchOpenings(bytes: Uint8Array, { openings, searchIn, jump }: OpeningSearch): SkipFrom {
  const [{ length: openingBytes } = bytes] = openings;
  // An opening that the end of the text cuts off begins here at the earliest.
  const end = bytes.length - openingBytes + 1;
  const search = searchIn(bytes);
  const places = openings.map(() => -1);
  let searches = 0;
  return (start) => {
    if (searches > FREE_SEARCHES && searches * SEARCH_BYTES > start) return jump(bytes, start);
    let nearest = end;
    for (const [i, opening] of openings.entries()) {
      let place = places[i] ?? -1;
      if (place < start) {
        const found = search(opening, start);
        place = found === -1 ? bytes.length : found;
        places[i] = place;
        searches++;
      }
      nearest = Math.min(nearest, place);
    }
    return Math.max(start, nearest);
  };
}

type Jump = (bytes: Uint8Array, start: number) => number;

/**
 * Creates a skip that examines few of the bytes: the two at the end of a window as long as the
 * shortest needle tell how far the window may jump (Wu and Manber, 1994).
 */
function createJump(needles: readonly Uint8Array[], fold: Uint8Array): Jump {
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
