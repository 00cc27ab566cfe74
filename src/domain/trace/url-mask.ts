import { decodeBase64, encodeBase64 } from '../base64.ts';
import { createByteSink } from './byte-sink.ts';
import { PURE_BYTE_TOOLS, type ByteTools } from './byte-tools.ts';
import { MASK } from './mask-text.ts';
import type { SkipFrom } from './needle-skip.ts';
import { createPhraseAutomaton, type PhraseAutomaton } from './phrase-automaton.ts';

/** The state with which a mask that only looks back continues. */
export interface LookBackState {
  /** The last bytes, as base64, that influence how the next ones are treated. */
  readonly recent: string;
  readonly isMasking: boolean;
}

/** Hides the text after certain marks in one stream of bytes. Holds nothing back. */
export interface LookBackMask {
  /** Returns the masked bytes, which may be a view of `bytes`. */
  write(bytes: Uint8Array): Uint8Array;
  /** Begins another text. */
  reset(): void;
  snapshot(): LookBackState;
}

/** The state at the beginning of a text. */
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
const LOWER = byteTable((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte));
const KEYS = createPhraseAutomaton(
  SECRET_KEYS.flatMap((key) => [`?${key}=`, `&${key}=`]).map((text) => encoder.encode(text)),
  LOWER,
);
/** White space and control characters that have more than one byte in UTF-8, by Go's rules. */
const LONG_ENDS = createPhraseAutomaton(
  [
    ...Array.from({ length: 0x21 }, (_, i) => 0x80 + i),
    ...Array.from({ length: 11 }, (_, i) => 0x2000 + i),
    ...[0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000],
  ].map((code) => encoder.encode(String.fromCodePoint(code))),
);
const ENDS = byteTable((byte) => byte <= 0x20 || byte === 0x7f || isKeyStart(byte));

interface Text {
  readonly bytes: Uint8Array;
  /** From outside a value, skips to where the next key may begin. */
  readonly skipFrom: SkipFrom;
}

interface Cursor {
  isMasking: boolean;
  /** A state of LONG_ENDS while masking, otherwise a state of KEYS. */
  state: number;
}

/**
 * Hides the values of secret parameters in URLs, from `?key=` or `&key=` up to `?`, `&`, white
 * space or a control character. Source: gitlab-runner `common/buildlogger/internal/urlsanitizer`.
 */
export function createUrlMask(
  before: LookBackState = NOTHING_SEEN,
  { searchIn }: Pick<ByteTools, 'searchIn'> = PURE_BYTE_TOOLS,
): LookBackMask {
  const out = createByteSink(0);
  const cursor: Cursor = { isMasking: before.isMasking, state: ROOT };
  for (const byte of decodeBase64(before.recent)) advance(cursor, byte);

  const isMasking = (): boolean => cursor.isMasking;
  const mask = (text: Text, start: number): void => {
    const { bytes } = text;
    let i = start;
    while (i < bytes.length) {
      if (isMasking()) {
        i = skipValue(cursor, bytes, i);
        if (isMasking()) return;
        // These bytes were hidden so far, because an end is recognised only by its last byte. Empty
        // for short ends.
        out.append(LONG_ENDS.pathTo(cursor.state));
        cursor.state = ROOT;
      } else {
        const end = skipText(cursor, text, i);
        out.appendRange(bytes, i, end);
        i = end;
        if (isMasking()) out.append(MASK);
      }
    }
  };
  return {
    write: (bytes) => {
      const text = { bytes, skipFrom: KEYS.skip(bytes, searchIn) };
      const end = isMasking() ? 0 : skipText(cursor, text, 0);
      if (!isMasking()) return bytes;
      if (end > 0) {
        out.appendRange(bytes, 0, end);
        out.append(MASK);
      }
      mask(text, end);
      return out.take();
    },
    reset: () => {
      cursor.isMasking = false;
      cursor.state = ROOT;
    },
    snapshot: () => ({
      recent: encodeBase64(automatonOf(cursor).pathTo(cursor.state)),
      isMasking: cursor.isMasking,
    }),
  };
}

function automatonOf({ isMasking }: Cursor): PhraseAutomaton {
  return isMasking ? LONG_ENDS : KEYS;
}

function advance(cursor: Cursor, byte: number): void {
  cursor.state = automatonOf(cursor).next(cursor.state, byte);
}

/**
 * From inside a value, returns the index where the text continues: after a long end or at a short
 * one.
 */
function skipValue(cursor: Cursor, bytes: Uint8Array, start: number): number {
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (ENDS[byte] === 1) {
      cursor.isMasking = false;
      cursor.state = ROOT;
      return i;
    }
    advance(cursor, byte);
    if (LONG_ENDS.matchLengths[cursor.state] !== 0) {
      cursor.isMasking = false;
      return i + 1;
    }
  }
  return bytes.length;
}

/** From outside a value, returns the index where the next one begins. */
function skipText(cursor: Cursor, { bytes, skipFrom }: Text, start: number): number {
  for (let i = start; i < bytes.length; i++) {
    if (cursor.state === ROOT) i = skipFrom(i);
    if (i === bytes.length) break;
    advance(cursor, LOWER[bytes[i] ?? 0] ?? 0);
    if (KEYS.matchLengths[cursor.state] === 0) continue;
    cursor.isMasking = true;
    cursor.state = ROOT;
    return i + 1;
  }
  return bytes.length;
}

function isKeyStart(byte: number): boolean {
  return byte === QUESTION_MARK || byte === AMPERSAND;
}

function byteTable(valueOf: (byte: number) => number | boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(valueOf(byte)));
}
