const POLYNOMIAL = 0xedb88320;

/** The CRC of each byte alone. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
  return c;
});

/**
 * Updates a CRC-32 (IEEE 802.3, as in zlib) of all earlier bytes with `bytes`. It starts from 0.
 * GitLab verifies a trace with it. Source: gitlab-runner `helpers/trace/buffer.go`.
 */
export function updateCrc32(crc: number, bytes: Uint8Array): number {
  let c = ~crc;
  for (const byte of bytes) c = (c >>> 8) ^ (TABLE[(c ^ byte) & 0xff] ?? 0);
  return ~c >>> 0;
}

/** The checksum in the coordinator's format: `crc32:` and 8 lower-case hex digits. */
export function formatCrc32(crc: number): string {
  return `crc32:${crc.toString(16).padStart(8, '0')}`;
}
