import { decodeBase64, encodeBase64 } from '../base64.ts';
import { NO_BYTES } from './byte-sink.ts';
import { PURE_BYTE_TOOLS, type ByteTools } from './byte-tools.ts';
import { createMaskedOutput } from './masked-output.ts';
import type { PhraseAutomaton } from './phrase-automaton.ts';

/** The state with which the mask of one stream continues. */
export interface PhraseMaskState {
  /** The last bytes, as base64, which may be the beginning of a phrase. */
  readonly held: string;
  /** Number of held bytes that are the end of a phrase that began earlier. */
  readonly coveredBytes: number;
}

/** Hides phrases in one stream of bytes. */
export interface PhraseMask {
  /** Returns the bytes that are decided. May be a view of `bytes`. */
  write(bytes: Uint8Array): Uint8Array;
  /** Returns the bytes that were held back, when nothing follows. */
  flush(): Uint8Array;
  snapshot(): PhraseMaskState;
}

const ROOT = 0;
const NOTHING_HELD: PhraseMaskState = { held: '', coveredBytes: 0 };
/** The most masks that wait within one write before they are emitted. */
const MAX_WAITING = 4096;

/**
 * Hides every byte of every occurrence of a phrase, however the text is cut into writes.
 * Overlapping occurrences become one `[MASKED]`. gitlab-runner instead takes the longest phrase
 * first, which may leave the end of another one readable. Linear in time; holds at most the length
 * of the longest phrase. Source: gitlab-runner `common/buildlogger/internal/masker/masker.go`.
 */
export function createPhraseMask(
  automaton: PhraseAutomaton,
  before: PhraseMaskState = NOTHING_HELD,
  { searchIn }: Pick<ByteTools, 'searchIn'> = PURE_BYTE_TOOLS,
): PhraseMask {
  const { next, skip, depths, matchLengths } = automaton;
  const output = createMaskedOutput(before.coveredBytes);
  let state = ROOT;

  const cover = (bytes: Uint8Array, end: number, at: number): void => {
    const position = output.writtenEnd + end;
    output.cover(position - (matchLengths[at] ?? 0), position);
    if (output.waiting > MAX_WAITING) output.decide(bytes, position - (depths[at] ?? 0));
  };
  const scan = (bytes: Uint8Array): void => {
    const skipFrom = skip(bytes, searchIn);
    let at = state;
    for (let i = 0; i < bytes.length; i++) {
      if (at === ROOT) i = skipFrom(i);
      if (i === bytes.length) break;
      at = next(at, bytes[i] ?? 0);
      if (matchLengths[at] !== 0) cover(bytes, i + 1, at);
    }
    state = at;
  };
  const write = (bytes: Uint8Array): Uint8Array => {
    scan(bytes);
    return output.take(bytes, depths[state] ?? 0);
  };

  // Bytes are released here only when there are fewer phrases than before. The next write emits
  // them.
  output.putBack(write(decodeBase64(before.held)));

  return {
    write,
    flush: () => {
      state = ROOT;
      return output.take(NO_BYTES, 0);
    },
    snapshot: () => ({
      held: encodeBase64(output.held()),
      coveredBytes: output.coveredBytes(),
    }),
  };
}
