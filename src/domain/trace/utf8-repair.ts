import { decodeBase64, encodeBase64 } from './base64.ts';
import { concatBytes, createByteSink, NO_BYTES } from './byte-sink.ts';

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

/**
 * Replaces each byte that belongs to no character by U+FFFD: byte by byte, as Go counts. Source:
 * gitlab-runner `helpers/trace/buffer.go`, Go's `encoding.Replacement` encoder.
 */
export function createUtf8Repair(before = ''): Utf8Repair {
  const out = createByteSink(0);
  let held = decodeBase64(before);
  return {
    write: (bytes) => {
      const all = concatBytes(held, bytes);
      held = NO_BYTES;
      let given = 0;
      let i = 0;
      while (i < all.length) {
        i = skipAscii(all, i);
        if (i === all.length) break;
        const size = characterSize(all, i);
        if (size === CUT_OFF) {
          held = all.slice(i);
          break;
        }
        if (size === INVALID) {
          out.appendRange(all, given, i);
          out.append(REPLACEMENT);
          given = i + 1;
        }
        i += size || 1;
      }
      const rest = all.subarray(given, i);
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
 * The longest beginning of `bytes`, which are valid UTF-8, with whole characters and at most
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

/** Number of bytes of the character that begins at `start`; see INVALID and CUT_OFF. */
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

/** Lower values would be overlong encodings. */
function lowestSecond(lead: number): number {
  return lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
}

/** Higher values would be surrogates, or lie above U+10FFFF. */
function highestSecond(lead: number): number {
  return lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
}
