import { decodeBase64, encodeBase64 } from '../base64.ts';
import { concatBytes } from '../join-bytes.ts';
import { createByteSink, NO_BYTES } from './byte-sink.ts';
import { PURE_BYTE_TOOLS, type ByteTools } from './byte-tools.ts';

/** Makes one stream of bytes valid UTF-8. */
export interface Utf8Repair {
  /** May return a view of `bytes`. Holds back the beginning of a character: at most three bytes. */
  write(bytes: Uint8Array): Uint8Array;
  flush(): Uint8Array;
  /** The bytes that are held back, as base64. */
  snapshot(): string;
}

const REPLACEMENT: Uint8Array = new TextEncoder().encode('\ufffd');
const INVALID = 0;
const CUT_OFF = -1;
const MAX_BEGUN_BYTES = 3;

/**
 * Creates the repair. It replaces each byte that belongs to no character by U+FFFD, byte by byte,
 * as Go counts. Source: gitlab-runner `helpers/trace/buffer.go`, Go's `encoding.Replacement`
 * encoder.
 */
export function createUtf8Repair(
  before = '',
  { isUtf8 }: Pick<ByteTools, 'isUtf8'> = PURE_BYTE_TOOLS,
): Utf8Repair {
  const out = createByteSink(0);
  let held = decodeBase64(before);
  return {
    write: (bytes) => {
      const all = concatBytes(held, bytes);
      const whole = withoutBegun(all);
      // `slice` of a Buffer would be a view, but the held bytes outlive the caller's bytes.
      held = new Uint8Array(all.subarray(whole.length));
      if (isUtf8(whole)) return whole;
      let given = 0;
      let i = 0;
      while (i < whole.length) {
        i = skipAscii(whole, i);
        if (i === whole.length) break;
        // All bytes are examined, because a character that is followed by another one is not cut
        // off, but wrong.
        const size = characterSize(all, i);
        if (size === INVALID) {
          out.appendRange(whole, given, i);
          out.append(REPLACEMENT);
          given = i + 1;
        }
        i += size || 1;
      }
      const rest = whole.subarray(given, i);
      if (out.length === 0) return rest;
      out.append(rest);
      return out.take();
    },
    flush: () => {
      for (let i = 0; i < held.length; i++) out.append(REPLACEMENT);
      held = NO_BYTES;
      return out.take();
    },
    snapshot: () => encodeBase64(held),
  };
}

/**
 * Returns all bytes except the beginning of a character at the end, which may continue in the next
 * bytes.
 */
function withoutBegun(bytes: Uint8Array): Uint8Array {
  for (let size = 1; size <= MAX_BEGUN_BYTES && size <= bytes.length; size++) {
    const start = bytes.length - size;
    if (characterSize(bytes, start) === CUT_OFF) return bytes.subarray(0, start);
  }
  return bytes;
}

/**
 * Returns the longest beginning of `bytes`, valid UTF-8, that has whole characters and at most
 * `limit` bytes.
 */
export function cutAtCharacter(bytes: Uint8Array, limit: number): Uint8Array {
  let end = Math.min(limit, bytes.length);
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

function skipAscii(bytes: Uint8Array, start: number): number {
  let i = start;
  while (i < bytes.length && (bytes[i] ?? 0) < 0x80) i++;
  return i;
}

/** Returns the number of bytes of the character that begins at `start`; see INVALID and CUT_OFF. */
function characterSize(bytes: Uint8Array, start: number): number {
  const lead = bytes[start] ?? 0;
  const size = sizeByLead(lead);
  for (let k = 1; k < size; k++) {
    const byte = bytes[start + k];
    if (byte === undefined) return CUT_OFF;
    const isFirst = k === 1;
    if (byte < (isFirst ? lowestSecond(lead) : 0x80)) return INVALID;
    if (byte > (isFirst ? highestSecond(lead) : 0xbf)) return INVALID;
  }
  return size;
}

function sizeByLead(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return INVALID;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** Returns the lowest valid second byte. Lower values would be overlong encodings. */
function lowestSecond(lead: number): number {
  return lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
}

/** Returns the highest valid second byte. Higher values would be surrogates, or above U+10FFFF. */
function highestSecond(lead: number): number {
  return lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
}
