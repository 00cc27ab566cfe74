import { decodeBase64, encodeBase64 } from './base64.ts';
import { createByteSink } from './byte-sink.ts';
import { MASK } from './mask-text.ts';
import { createPhraseAutomaton } from './phrase-automaton.ts';

/** What a mask that only looks back must know to go on. */
export interface LookBackState {
  /** The last bytes that came, as base64, as far as they tell what follows. */
  readonly recent: string;
  readonly isMasking: boolean;
}

/** Hides what follows certain marks in one stream of bytes. Holds nothing back. */
export interface LookBackMask {
  /** May be a view of `bytes`. */
  write(bytes: Uint8Array): Uint8Array;
  /** What comes next is another text. */
  reset(): void;
  snapshot(): LookBackState;
}

export const NOTHING_SEEN: LookBackState = { recent: '', isMasking: false };

const ROOT = 0;
const SECRET_KEYS = [
  'private_token',
  'authenticity_token',
  'rss_token',
  'x-amz-signature',
  'x-amz-credential',
  'x-amz-security-token',
];
const QUESTION_MARK = 0x3f;
const AMPERSAND = 0x26;

const encoder = new TextEncoder();
const KEYS = createPhraseAutomaton(
  SECRET_KEYS.flatMap((key) => [`?${key}=`, `&${key}=`]).map((text) => encoder.encode(text)),
);
/** White space and control characters that are more than a byte long in UTF-8, as Go counts them. */
const LONG_ENDS = createPhraseAutomaton(
  [
    ...Array.from({ length: 0x21 }, (_, i) => 0x80 + i),
    ...Array.from({ length: 11 }, (_, i) => 0x2000 + i),
    ...[0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000],
  ].map((code) => encoder.encode(String.fromCodePoint(code))),
);
const ENDS = byteTable((byte) => byte <= 0x20 || byte === 0x7f || isKeyStart(byte));
const LOWER = byteTable((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte));

/**
 * Hides the values of secret parameters in URLs, from `?key=` or `&key=` up to `?`, `&`, white
 * space or a control character. Source: gitlab-runner `common/buildlogger/internal/urlsanitizer`.
 */
export function createUrlMask(before: LookBackState = NOTHING_SEEN): LookBackMask {
  const out = createByteSink(0);
  let { isMasking } = before;
  // While masking a state of LONG_ENDS, else of KEYS.
  let state = ROOT;
  const advance = (byte: number): void => {
    state = (isMasking ? LONG_ENDS : KEYS).next(state, byte);
  };
  for (const byte of decodeBase64(before.recent)) advance(byte);

  /** From inside of a value: where the text goes on. */
  const skipValue = (bytes: Uint8Array, start: number): number => {
    for (let i = start; i < bytes.length; i++) {
      const byte = bytes[i] ?? 0;
      if (ENDS[byte] === 1) {
        isMasking = false;
        state = ROOT;
        return i;
      }
      advance(byte);
      if (LONG_ENDS.matchLengths[state] !== 0) {
        out.append(LONG_ENDS.pathTo(state));
        isMasking = false;
        state = ROOT;
        return i + 1;
      }
    }
    return bytes.length;
  };
  /** From outside of a value: where the next one begins. */
  const skipText = (bytes: Uint8Array, start: number): number => {
    let i = start;
    while (i < bytes.length) {
      if (state === ROOT) {
        while (i < bytes.length && !isKeyStart(bytes[i] ?? 0)) i++;
        if (i === bytes.length) break;
      }
      advance(LOWER[bytes[i] ?? 0] ?? 0);
      i++;
      if (KEYS.matchLengths[state] === 0) continue;
      isMasking = true;
      state = ROOT;
      return i;
    }
    return bytes.length;
  };

  return {
    write: (bytes) => {
      if (!isMasking && state === ROOT && !hasKeyStart(bytes)) return bytes;
      let i = 0;
      while (i < bytes.length) {
        if (isMasking) {
          i = skipValue(bytes, i);
          continue;
        }
        const end = skipText(bytes, i);
        out.appendRange(bytes, i, end);
        if (isMasking) out.append(MASK);
        i = end;
      }
      return out.take();
    },
    reset: () => {
      isMasking = false;
      state = ROOT;
    },
    snapshot: () => ({
      recent: encodeBase64((isMasking ? LONG_ENDS : KEYS).pathTo(state)),
      isMasking,
    }),
  };
}

function hasKeyStart(bytes: Uint8Array): boolean {
  return bytes.includes(QUESTION_MARK) || bytes.includes(AMPERSAND);
}

function isKeyStart(byte: number): boolean {
  return byte === QUESTION_MARK || byte === AMPERSAND;
}

function byteTable(valueOf: (byte: number) => number | boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(valueOf(byte)));
}
