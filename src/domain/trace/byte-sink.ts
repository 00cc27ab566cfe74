/** Below this length a loop copies faster than a view and `set`. */
const SHORT_BYTES = 48;

/** A growing sequence of bytes. */
export interface ByteSink {
  readonly length: number;
  append(bytes: Uint8Array): void;
  /** Appends `bytes[start, end)`. */
  appendRange(bytes: Uint8Array, start: number, end: number): void;
  /** Returns all bytes so far, as a copy of the exact size, and empties the sink. */
  take(): Uint8Array;
}

/** A sink that has room for `capacityBytes` before it grows. */
export function createByteSink(capacityBytes: number): ByteSink {
  let buffer = new Uint8Array(Math.max(capacityBytes, 64));
  let length = 0;
  const reserve = (more: number): void => {
    if (length + more <= buffer.length) return;
    const larger = new Uint8Array(Math.max(buffer.length * 2, length + more));
    larger.set(buffer.subarray(0, length));
    buffer = larger;
  };
  const appendRange = (bytes: Uint8Array, start: number, end: number): void => {
    reserve(end - start);
    if (end - start < SHORT_BYTES) {
      for (let i = start; i < end; i++) buffer[length++] = bytes[i] ?? 0;
      return;
    }
    buffer.set(bytes.subarray(start, end), length);
    length += end - start;
  };
  return {
    get length() {
      return length;
    },
    append: (bytes) => appendRange(bytes, 0, bytes.length),
    appendRange,
    take: () => {
      const taken = buffer.slice(0, length);
      length = 0;
      return taken;
    },
  };
}

/** An empty byte sequence. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);
