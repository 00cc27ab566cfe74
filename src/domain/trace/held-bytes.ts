/** Bytes that wait for a decision. They are appended at the end and dropped from the beginning. */
export interface HeldBytes {
  readonly length: number;
  append(bytes: Uint8Array): void;
  drop(count: number): void;
  /** The held bytes `[start, end)`. Valid only until the next change. */
  view(start: number, end: number): Uint8Array;
}

/**
 * Creates an empty store. Its cost is linear over all calls, because bytes move only when half of
 * the space is free.
 */
export function createHeldBytes(): HeldBytes {
  let buffer = new Uint8Array(64);
  let first = 0;
  let end = 0;
  const reserve = (more: number): void => {
    if (end + more <= buffer.length) return;
    const length = end - first;
    const isRoomEnough = (length + more) * 2 <= buffer.length;
    const target = isRoomEnough ? buffer : new Uint8Array((length + more) * 2);
    target.set(buffer.subarray(first, end));
    buffer = target;
    first = 0;
    end = length;
  };
  return {
    get length() {
      return end - first;
    },
    append: (bytes) => {
      reserve(bytes.length);
      buffer.set(bytes, end);
      end += bytes.length;
    },
    drop: (count) => {
      first += count;
      if (first === end) first = end = 0;
    },
    view: (start, stop) => buffer.subarray(first + start, first + stop),
  };
}
