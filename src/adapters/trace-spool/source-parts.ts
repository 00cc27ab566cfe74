import type { TraceStream } from '../../domain/trace/pipeline.ts';

const LINE_FEED = 0x0a;

interface SourcePart {
  readonly stream: TraceStream;
  readonly bytes: Uint8Array;
}

/**
 * Returns the part of what was read of a source that may be copied now. Several services share one
 * stream of the trace, so a line of one must not continue another's.
 */
export function partToCopy(source: string, read: Uint8Array, maxBytes: number): SourcePart {
  return source.startsWith('service/')
    ? { stream: 'service', bytes: wholeLines(read, maxBytes) }
    : { stream: 'stdout', bytes: read };
}

/** Returns only whole lines. A line longer than one read is copied in parts. */
function wholeLines(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const end = bytes.lastIndexOf(LINE_FEED) + 1;
  return end === 0 && bytes.length === maxBytes ? bytes : bytes.subarray(0, end);
}
