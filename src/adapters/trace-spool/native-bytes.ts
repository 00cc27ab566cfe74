import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { ByteTools } from '../../domain/trace/byte-tools.ts';

/** Node's own, in C++ and many bytes at a time. A Buffer's search is the fast one, too. */
export const NATIVE_BYTE_TOOLS: ByteTools = {
  allocate: (lengthBytes) => Buffer.allocUnsafeSlow(lengthBytes),
  // Of no bytes zlib's own would be that of nothing at all, whatever came before them.
  crc32: (crc, bytes) => (bytes.length === 0 ? crc : crc32(bytes, crc)),
  isUtf8,
};
