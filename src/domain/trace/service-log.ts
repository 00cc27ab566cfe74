import { GREY, RESET } from '../colours.ts';
import { concatBytes } from '../join-bytes.ts';
import { createByteSink, NO_BYTES } from './byte-sink.ts';

/** A part of a container's log as Docker hands it out. */
export interface LogPiece {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
  /** True: a message begins here, and Docker has put its time before it. */
  readonly startsMessage: boolean;
}

/** Turns the log of a service into lines for the trace. */
export interface ServiceLog {
  /** Returns the lines that this piece completes. */
  write(piece: LogPiece): Uint8Array;
  /** Returns the rest after the service has ended: a line without an end. */
  end(): Uint8Array;
}

interface BegunLine {
  bytes: Uint8Array;
  /**
   * True inside a long line: Docker cuts it into messages with their own times, which are left out.
   */
  isOpen: boolean;
  /** Bytes that may still belong to such a time. */
  stampBytesLeft: number;
}

const LINE_FEED = 0x0a;
const SPACE = 0x20;
/** Limits a line, because a service that never ends its line must not exhaust the memory. */
const MAX_LINE_BYTES = 1024 * 1024;
/** Length of `2026-01-31T23:59:59.123456789Z ` with some reserve. */
const MAX_STAMP_BYTES = 40;

/**
 * Creates a service log. It returns lines such as `[service:db-postgres]
 * 2026-01-31T23:59:59.123456789Z text`. The same log gives the same bytes however it is cut into
 * pieces, so that a reader with the first bytes can continue. Source: gitlab-runner
 * `helpers/service/logger.go` (InlineServiceLogWriter).
 */
export function createServiceLog(name: string): ServiceLog {
  const encoder = new TextEncoder();
  const prefix = encoder.encode(`${GREY}[service:${name}] `);
  const suffix = encoder.encode(`${RESET}\n`);
  const lines: Record<LogPiece['stream'], BegunLine> = {
    stdout: { bytes: NO_BYTES, isOpen: false, stampBytesLeft: 0 },
    stderr: { bytes: NO_BYTES, isOpen: false, stampBytesLeft: 0 },
  };
  const out = createByteSink(0);
  const give = (line: Uint8Array): void => {
    out.append(prefix);
    out.append(line);
    out.append(suffix);
  };
  return {
    write: ({ stream, bytes, startsMessage }) => {
      const line = lines[stream];
      if (startsMessage && line.isOpen) line.stampBytesLeft = MAX_STAMP_BYTES;
      let rest = withoutStamp(line, bytes);
      if (rest.length > 0) line.isOpen = rest.at(-1) !== LINE_FEED;
      for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
        give(concatBytes(line.bytes, rest.subarray(0, end)));
        line.bytes = NO_BYTES;
        rest = rest.subarray(end + 1);
      }
      line.bytes = concatBytes(line.bytes, rest).slice();
      while (line.bytes.length > MAX_LINE_BYTES) {
        give(line.bytes.subarray(0, MAX_LINE_BYTES));
        line.bytes = line.bytes.slice(MAX_LINE_BYTES);
      }
      return out.take();
    },
    end: () => {
      for (const line of Object.values(lines)) {
        if (line.bytes.length > 0) give(line.bytes);
        line.bytes = NO_BYTES;
        line.isOpen = false;
      }
      return out.take();
    },
  };
}

function withoutStamp(line: BegunLine, bytes: Uint8Array): Uint8Array {
  if (line.stampBytesLeft === 0) return bytes;
  const space = bytes.subarray(0, line.stampBytesLeft).indexOf(SPACE);
  const stampBytes = space === -1 ? Math.min(bytes.length, line.stampBytesLeft) : space + 1;
  line.stampBytesLeft = space === -1 ? line.stampBytesLeft - stampBytes : 0;
  return bytes.subarray(stampBytes);
}
