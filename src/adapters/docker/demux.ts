export interface LogFrame {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/** Part of a frame. Docker's log has a frame for each message. */
export interface FramePiece extends LogFrame {
  readonly startsMessage: boolean;
}

const HEADER_BYTES = 8;

/**
 * Splits Docker's multiplexed stream. Each frame has a header of stream (1 byte), 3 zero bytes and
 * length (4 bytes, big endian). A frame may be returned in several pieces: nothing is buffered, so
 * it needs linear time and constant memory for any chunks.
 */
export async function* demux(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<FramePiece> {
  const header = new Uint8Array(HEADER_BYTES);
  let headerBytes = 0;
  let bodyBytesLeft = 0;
  let startsMessage = false;
  for await (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length) {
      if (bodyBytesLeft === 0) {
        const part = chunk.subarray(at, at + HEADER_BYTES - headerBytes);
        header.set(part, headerBytes);
        headerBytes += part.length;
        at += part.length;
        if (headerBytes < HEADER_BYTES) continue;
        bodyBytesLeft = new DataView(header.buffer).getUint32(4);
        headerBytes = 0;
        startsMessage = true;
        continue;
      }
      const bytes = chunk.subarray(at, at + bodyBytesLeft);
      at += bytes.length;
      bodyBytesLeft -= bytes.length;
      yield { stream: header[0] === 2 ? 'stderr' : 'stdout', bytes, startsMessage };
      startsMessage = false;
    }
  }
}

/** Passes the first frames on, up to a number of bytes, and stops reading there. */
export async function* limitFrames(
  frames: AsyncIterable<LogFrame>,
  maxBytes: number,
): AsyncGenerator<LogFrame> {
  let bytesLeft = maxBytes;
  if (bytesLeft <= 0) return;
  for await (const { stream, bytes } of frames) {
    yield { stream, bytes: bytes.subarray(0, bytesLeft) };
    bytesLeft -= bytes.length;
    if (bytesLeft <= 0) return;
  }
}

/** Returns the first frames, up to a number of bytes, and stops reading there. */
export async function takeFrames(
  frames: AsyncIterable<LogFrame>,
  maxBytes: number,
): Promise<LogFrame[]> {
  const taken: LogFrame[] = [];
  for await (const frame of limitFrames(frames, maxBytes)) taken.push(frame);
  return taken;
}
