/** Bytes that wait for a decision: appended at their end, dropped from their beginning. */
export interface HeldBytes {
  readonly length: number;
  append(bytes: Uint8Array): void;
  drop(count: number): void;
  /** `[start, end)` of what is held. Only valid until the next change. */
  view(start: number, end: number): Uint8Array;
}

/** Holds nothing yet. Linear over all calls: bytes are moved only when half of the room is free. */
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
