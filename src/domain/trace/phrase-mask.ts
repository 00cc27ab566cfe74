import { decodeBase64, encodeBase64 } from './base64.ts';
import { createByteSink } from './byte-sink.ts';
import { createCoveredRanges } from './covered-ranges.ts';
import { createHeldBytes } from './held-bytes.ts';
import { MASK } from './mask-text.ts';
import type { PhraseAutomaton } from './phrase-automaton.ts';

/** What the mask of one stream must know to go on. */
export interface PhraseMaskState {
  /** The last bytes that came, as base64: they may be the beginning of a phrase. */
  readonly held: string;
  /** How many of them are the end of a phrase that began before them. */
  readonly coveredBytes: number;
}

/** Hides phrases in one stream of bytes. */
export interface PhraseMask {
  /** What is decided now. May be a view of `bytes`. */
  write(bytes: Uint8Array): Uint8Array;
  /** Nothing follows: lets go of what was held back. */
  flush(): Uint8Array;
  snapshot(): PhraseMaskState;
}

const ROOT = 0;
const NOTHING_HELD: PhraseMaskState = { held: '', coveredBytes: 0 };
/** So many masks wait at most before they are given out within one write. */
const MAX_WAITING = 4096;

/**
 * Every byte that belongs to an occurrence of a phrase is hidden, however the text is cut into
 * writes. Occurrences that share bytes become one `[MASKED]`: unlike the peer, which takes the
 * longest phrase first, no end of another one stays readable. Linear in time; holds at most the
 * longest phrase. Source: gitlab-runner `common/buildlogger/internal/masker/masker.go`.
 */
export function createPhraseMask(
  automaton: PhraseAutomaton,
  before: PhraseMaskState = NOTHING_HELD,
): PhraseMask {
  const { next, firstStates, depths, matchLengths } = automaton;
  const out = createByteSink(0);
  const held = createHeldBytes();
  const covered = createCoveredRanges();
  let state = ROOT;
  // Positions count the bytes of the stream. Invariant: what is held is [decidedEnd, writtenEnd).
  let decidedEnd = 0;
  let writtenEnd = 0;

  const giveLiteral = (bytes: Uint8Array, from: number, to: number): void => {
    const heldStart = writtenEnd - held.length;
    if (from < Math.min(to, writtenEnd)) {
      out.append(held.view(from - heldStart, Math.min(to, writtenEnd) - heldStart));
    }
    if (to > writtenEnd) {
      out.appendRange(bytes, Math.max(from, writtenEnd) - writtenEnd, to - writtenEnd);
    }
  };
  /** Gives out all before `to`, which is decided; `bytes` follow on what is held. */
  const give = (bytes: Uint8Array, to: number): void => {
    while (covered.firstEnd <= to) {
      giveLiteral(bytes, decidedEnd, covered.firstStart);
      out.append(MASK);
      decidedEnd = covered.firstEnd;
      covered.dropFirst();
    }
    giveLiteral(bytes, decidedEnd, Math.min(to, covered.firstStart));
    decidedEnd = Math.max(decidedEnd, to);
  };
  const scan = (bytes: Uint8Array): void => {
    const { length } = bytes;
    let at = state;
    for (let i = 0; i < length; i++) {
      if (at === ROOT) {
        while (i < length && firstStates[bytes[i] ?? 0] === ROOT) i++;
        if (i === length) break;
      }
      at = next(at, bytes[i] ?? 0);
      const matched = matchLengths[at] ?? 0;
      if (matched === 0) continue;
      const end = writtenEnd + i + 1;
      covered.cover(end - matched, end);
      if (covered.count > MAX_WAITING) give(bytes, end - (depths[at] ?? 0));
    }
    state = at;
  };
  const hold = (bytes: Uint8Array): void => {
    const first = Math.max(0, decidedEnd - writtenEnd);
    held.drop(Math.min(held.length, held.length - (writtenEnd - decidedEnd)));
    held.append(bytes.subarray(first));
    writtenEnd += bytes.length;
  };
  const write = (bytes: Uint8Array): Uint8Array => {
    scan(bytes);
    const to = writtenEnd + bytes.length - (depths[state] ?? 0);
    const isUntouched = held.length === 0 && covered.count === 0 && out.length === 0;
    if (isUntouched) decidedEnd = to;
    else give(bytes, to);
    const passed = bytes.subarray(0, Math.max(0, to - writtenEnd));
    hold(bytes);
    return isUntouched ? passed : out.take();
  };

  if (before.coveredBytes > 0) covered.cover(-1, before.coveredBytes);
  // Bytes are let go here only when phrases are fewer than before; the next write gives them out.
  out.append(write(decodeBase64(before.held)));

  return {
    write,
    flush: () => {
      give(new Uint8Array(0), writtenEnd);
      held.drop(held.length);
      state = ROOT;
      return out.take();
    },
    snapshot: () => ({
      held: encodeBase64(held.view(0, held.length)),
      coveredBytes: covered.firstStart < decidedEnd ? covered.firstEnd - decidedEnd : 0,
    }),
  };
}
