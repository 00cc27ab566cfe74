import { decodeBase64, encodeBase64 } from '../base64.ts';
import { concatBytes } from '../join-bytes.ts';
import { NO_BYTES } from './byte-sink.ts';
import { PURE_BYTE_TOOLS, type ByteTools } from './byte-tools.ts';
import { createStampedLines } from './stamped-lines.ts';

/** The state with which the stamps of one stream continue. */
export interface LineStampsState {
  /** The stamped beginning of a line, as base64. */
  readonly begun: string;
  readonly isContinuation: boolean;
}

/** Puts a time stamp and the stream's name before each line of one stream. */
export interface LineStamps {
  /** All lines of one write get its time. The result is valid until the next write. */
  write(bytes: Uint8Array, nowMs: number): Uint8Array;
  /**
   * Ends a partial line. The next output continues it when `goesOn` is true, and otherwise begins a
   * new line.
   */
  flush(goesOn: boolean): Uint8Array;
  snapshot(): LineStampsState;
}

const LF = 0x0a;
const CR = 0x0d;
const LINE_END: Uint8Array = Uint8Array.of(LF);
const STAMP_BYTES = 32;
/** Longest beginning of a line without an end that is held back, its stamp included. */
const MAX_BEGUN_BYTES = 8 * 1024;
const FLAG = { line: 0x20, continuation: 0x2b } as const;
const NOTHING_BEGUN: LineStampsState = { begun: '', isContinuation: false };

/**
 * Creates the stamps. A line looks like `2026-01-31T23:59:59.123456Z 01O text`: time, stream, `O`
 * or `E`, then a space, or `+` when the line continues a broken one of this stream. A line is
 * broken when a write ends in it with a CR but no LF, or with more than 8 KiB. Source:
 * gitlab-runner `common/buildlogger/internal/timestamper/timestamper.go`.
 */
export function createLineStamps(
  stream: string,
  before = NOTHING_BEGUN,
  tools: ByteTools = PURE_BYTE_TOOLS,
): LineStamps {
  const out = createStampedLines(tools);
  const stampAt = createStamp(stream);
  let begun = decodeBase64(before.begun);
  let { isContinuation } = before;

  const nextStamp = (nowMs: number): Uint8Array => {
    const stamp = stampAt(nowMs, isContinuation);
    isContinuation = false;
    return stamp;
  };
  const giveLines = (nowMs: number): void => {
    while (out.hasMore) {
      out.give(begun.length > 0 ? begun : nextStamp(nowMs));
      begun = NO_BYTES;
    }
  };

  return {
    write: (bytes, nowMs) => {
      const end = bytes.lastIndexOf(LF) + 1;
      const tail = bytes.subarray(end);
      const begunBytes = tail.length + (end === 0 ? begun.length : 0);
      const isBroken = tail.length > 0 && (tail.includes(CR) || begunBytes > MAX_BEGUN_BYTES);
      out.begin(isBroken ? bytes : bytes.subarray(0, end), isBroken);
      giveLines(nowMs);
      isContinuation ||= isBroken;
      if (tail.length > 0 && !isBroken) {
        begun = concatBytes(begun.length > 0 ? begun : nextStamp(nowMs).slice(), tail);
      }
      return out.take();
    },
    flush: (goesOn) => {
      const ended = begun.length > 0 ? concatBytes(begun, LINE_END) : NO_BYTES;
      isContinuation ||= ended.length > 0;
      begun = NO_BYTES;
      isContinuation &&= goesOn;
      return ended;
    },
    snapshot: () => ({ begun: encodeBase64(begun), isContinuation }),
  };
}

/** Creates the function that formats stamps. A stamp is valid until the next call. */
function createStamp(stream: string): (nowMs: number, isContinuation: boolean) => Uint8Array {
  const encoder = new TextEncoder();
  const stamp = new Uint8Array(STAMP_BYTES);
  let stampMs = NaN;
  return (nowMs, isContinuation) => {
    if (nowMs !== stampMs) stamp.set(encoder.encode(`${formatTime(nowMs)} ${stream}`));
    stampMs = nowMs;
    stamp[STAMP_BYTES - 1] = isContinuation ? FLAG.continuation : FLAG.line;
    return stamp;
  };
}

/** Formats a time as `YYYY-MM-DDTHH:MM:SS.uuuuuuZ`, UTC. */
function formatTime(nowMs: number): string {
  const micros = Math.round(nowMs * 1000);
  const iso = new Date(Math.floor(micros / 1000)).toISOString();
  return `${iso.slice(0, -1)}${`${micros % 1000}`.padStart(3, '0')}Z`;
}
