const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * Encodes bytes as base64 (RFC 4648, padded). For the few bytes that a pipeline holds back, not for
 * traces.
 */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3);
    const word = (a << 16) | (b << 8) | c;
    const digits = [18, 12, 6, 0].map((shift) => DIGITS.charAt((word >>> shift) & 63)).join('');
    const count = Math.min(3, bytes.length - i) + 1;
    text += digits.slice(0, count).padEnd(4, '=');
  }
  return text;
}

/** The inverse of {@link encodeBase64}. A character that is not a base64 digit ends the text. */
export function decodeBase64(text: string): Uint8Array {
  const digits = /^[A-Za-z0-9+/]*/.exec(text)?.[0] ?? '';
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let word = 0;
  let length = 0;
  for (let i = 0; i < digits.length; i++) {
    word = (word << 6) | DIGITS.indexOf(digits.charAt(i));
    const bits = ((i + 1) * 6) % 8;
    if (i % 4 !== 0) bytes[length++] = (word >>> bits) & 0xff;
  }
  return bytes;
}
