import { crc32 } from 'node:zlib';

/** GitLab's copy of a trace, with what the runner was told about it. */
export interface ReceivedTrace {
  readonly bytes: Buffer;
  readonly lengthBytes: number;
  /** `crc32:` and 8 hexadecimal digits, in the form that runners send. */
  readonly checksum: string;
  /** The largest length that an answer has reported so far. */
  readonly toldBytes: number;
  /**
   * Whether the server has lost a part of the trace. The runner may then know more than is here.
   */
  readonly wasLost: boolean;
  /**
   * Whether parts of the trace came from elsewhere. It stays true until the runner sends the trace
   * again from its start.
   */
  readonly isMixed: boolean;
  append(bytes: Buffer): void;
  truncate(lengthBytes: number): void;
  tell(lengthBytes: number): void;
  markLost(): void;
  markMixed(): void;
}

export function createReceivedTrace(): ReceivedTrace {
  let chunks: Buffer[] = [];
  let lengthBytes = 0;
  let toldBytes = 0;
  let wasLost = false;
  let isMixed = false;
  /** Joins the chunks into one and keeps it, because a trace is read more often than it grows. */
  const merge = (): Buffer => {
    const [first, ...others] = chunks;
    if (first === undefined) return Buffer.alloc(0);
    const merged = others.length === 0 ? first : Buffer.concat(chunks);
    chunks = [merged];
    return merged;
  };
  return {
    get bytes() {
      return merge();
    },
    get lengthBytes() {
      return lengthBytes;
    },
    get checksum() {
      const value = chunks.reduce((crc, chunk) => crc32(chunk, crc), 0);
      return `crc32:${value.toString(16).padStart(8, '0')}`;
    },
    get toldBytes() {
      return toldBytes;
    },
    get wasLost() {
      return wasLost;
    },
    get isMixed() {
      return isMixed;
    },
    append: (bytes) => {
      chunks.push(bytes);
      lengthBytes += bytes.byteLength;
    },
    truncate: (keptBytes) => {
      chunks = [merge().subarray(0, keptBytes)];
      lengthBytes = Math.min(lengthBytes, keptBytes);
      isMixed &&= keptBytes > 0;
    },
    tell: (length) => {
      toldBytes = Math.max(toldBytes, length);
    },
    markLost: () => {
      wasLost = true;
    },
    markMixed: () => {
      wasLost = true;
      isMixed = true;
    },
  };
}
