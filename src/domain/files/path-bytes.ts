import { joinBytes } from '../join-bytes.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * A byte that is not UTF-8 is added to this number. The result is half of a surrogate pair, which
 * no valid text contains.
 */
const ESCAPE = 0xdc00;
const ESCAPED = /([\udc80-\udcff])/u;

/**
 * Turns a name on a Linux file system into text. Names are bytes, and most are UTF-8. Each byte
 * that is not becomes a lone surrogate, U+DC80 to U+DCFF, so that {@link bytesOfPath} restores the
 * exact bytes. Different names never become the same text. Source: Python's PEP 383
 * (surrogateescape).
 */
export function pathOfBytes(bytes: Uint8Array): string {
  return decode(bytes) ?? escapeBytes(bytes);
}

/** The bytes of a path that {@link pathOfBytes} made, or that a person wrote as text. */
export function bytesOfPath(path: string): Uint8Array {
  if (!ESCAPED.test(path)) return encoder.encode(path);
  const parts = path
    .split(ESCAPED)
    .map((part) =>
      ESCAPED.test(part) ? Uint8Array.of(part.charCodeAt(0) - ESCAPE) : encoder.encode(part),
    );
  return joinBytes(parts);
}

/** The number of bytes that {@link bytesOfPath} gives. Linux limits this number. */
export function pathByteLength(path: string): number {
  return bytesOfPath(path).byteLength;
}

/**
 * A path as part of a URL, encoded as by `encodeURIComponent`, which itself throws for names that
 * are not UTF-8.
 */
export function percentEncodePath(path: string): string {
  return path
    .split(ESCAPED)
    .map((part) =>
      ESCAPED.test(part)
        ? `%${(part.charCodeAt(0) - ESCAPE).toString(16).toUpperCase()}`
        : encodeURIComponent(part.replace(/[\ud800-\udfff]/gu, '\ufffd')),
    )
    .join('');
}

/**
 * Returns the path itself when it is UTF-8, otherwise its nearest parent directory that is; empty
 * when none is.
 */
export function utf8Ancestor(path: string): string {
  const escaped = path.search(ESCAPED);
  return escaped === -1 ? path : path.slice(0, Math.max(path.lastIndexOf('/', escaped), 0));
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function escapeBytes(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const length = characterLength(bytes[at] ?? 0);
    const character = decode(bytes.subarray(at, at + length));
    if (character === undefined) {
      parts.push(String.fromCharCode(ESCAPE + (bytes[at] ?? 0)));
      at += 1;
    } else {
      parts.push(character);
      at += length;
    }
  }
  return parts.join('');
}

/** The number of bytes of a UTF-8 character with this first byte. */
function characterLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
