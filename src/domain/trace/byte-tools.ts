import { updateCrc32 } from './crc32.ts';

/** What a host does faster with bytes than a loop does. Any host's tools give the same results. */
export interface ByteTools {
  /** Room for so many bytes, whatever they are before they are set. */
  allocate(lengthBytes: number): Uint8Array;
  /** CRC-32 of everything before and `bytes`; see {@link updateCrc32}. */
  crc32(crc: number, bytes: Uint8Array): number;
  /** True only of valid UTF-8. False may also mean that nobody has looked. */
  isUtf8(bytes: Uint8Array): boolean;
}

/** Loops over bytes: the tools of a host that has none. */
export const PURE_BYTE_TOOLS: ByteTools = {
  allocate: (lengthBytes) => new Uint8Array(lengthBytes),
  crc32: updateCrc32,
  isUtf8: () => false,
};
