import { updateCrc32 } from './crc32.ts';

/**
 * Operations on bytes that a host does faster than a loop. Every host's tools give the same
 * results.
 */
export interface ByteTools {
  /** Allocates this many bytes. Their content is arbitrary until it is set. */
  allocate(lengthBytes: number): Uint8Array;
  /** Returns the CRC-32 of all earlier bytes and `bytes`; see {@link updateCrc32}. */
  crc32(crc: number, bytes: Uint8Array): number;
  /** Returns true only for valid UTF-8. False may also mean that it was not checked. */
  isUtf8(bytes: Uint8Array): boolean;
  /**
   * Returns a search of these bytes: the first place from `start` on at which `text`, of one or more
   * bytes, begins; -1 when there is none. Undefined when the host has no fast search.
   */
  readonly searchIn:
    | ((bytes: Uint8Array) => (text: Uint8Array, start: number) => number)
    | undefined;
}

/** Tools for a host without its own: loops over bytes. */
export const PURE_BYTE_TOOLS: ByteTools = {
  allocate: (lengthBytes) => new Uint8Array(lengthBytes),
  crc32: updateCrc32,
  isUtf8: () => false,
  searchIn: undefined,
};
