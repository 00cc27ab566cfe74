import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { ByteTools } from '../../domain/trace/byte-tools.ts';

/**
 * Node's own functions, which are written in C++ and handle many bytes at a time. The method
 * `indexOf` of a Buffer is fast too, unlike that of other arrays of bytes.
 */
export const NATIVE_BYTE_TOOLS: ByteTools = {
  allocate: (lengthBytes) => Buffer.allocUnsafeSlow(lengthBytes),
  // For no bytes, zlib would return the checksum of nothing at all, whatever came before.
  crc32: (crc, bytes) => (bytes.length === 0 ? crc : crc32(bytes, crc)),
  isUtf8,
  searchIn: (bytes) => {
    const buffer = asBuffer(bytes);
    return (text, start) => buffer.indexOf(text, start);
  },
};

function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
