import { NO_BYTES } from './byte-sink.ts';
import { PURE_BYTE_TOOLS, type ByteTools } from './byte-tools.ts';
import { createPhraseAutomaton, type PhraseAutomaton } from './phrase-automaton.ts';
import { createStreamStages, type StreamStages, type StreamState } from './stream-stages.ts';
import { createTraceMeter } from './trace-meter.ts';

/**
 * The origin of bytes in a trace. gitlab-runner numbers them 00 (runner), 01 (job), 0f (services).
 */
export type TraceStream = 'runner' | 'stdout' | 'stderr' | 'service';

/** Settings that are fixed from a trace's first byte on. */
export interface TracePipelineOptions {
  /** Values to hide. The pipeline trims them and removes repetitions. */
  readonly maskPhrases: readonly string[];
  /** Prefixes of tokens: the prefix stays and the rest is hidden. At most 15 are used. */
  readonly tokenPrefixes: readonly string[];
  readonly timestamps: boolean;
  readonly limitBytes: number;
  /** The tools of the host. Without them the pipeline uses loops. */
  readonly tools?: ByteTools;
}

/** The state with which a pipeline continues. Plain JSON; contains no mask phrase. */
export interface TracePipelineState {
  readonly version: 1;
  /** Number of bytes emitted so far, and their CRC-32. */
  readonly lengthBytes: number;
  readonly crc: number;
  readonly isOverLimit: boolean;
  readonly streams: Readonly<Partial<Record<TraceStream, StreamState>>>;
}

/** Turns raw output into the bytes of the trace. */
export interface TracePipeline {
  /**
   * Returns the bytes to append to the trace now. Some input may be held back for a later call. The
   * result may be a view of `bytes`, or of memory that is used again: use or copy it before those
   * change and before the next call.
   */
  write(stream: TraceStream, bytes: Uint8Array, nowMs: number): Uint8Array;
  /** Pauses the stream and returns the bytes that were held back. */
  flush(stream: TraceStream, nowMs: number): Uint8Array;
  /** From now on also hides these phrases. */
  addMaskPhrases(phrases: readonly string[]): void;
  snapshot(): TracePipelineState;
  /** Number of bytes emitted so far. */
  readonly lengthBytes: number;
  /** CRC-32 (IEEE) over all bytes emitted so far. */
  readonly crc: number;
  /** True when all further input is dropped. */
  readonly isOverLimit: boolean;
}

const STAMPS: Readonly<Record<TraceStream, string>> = {
  runner: '00O',
  stdout: '01O',
  stderr: '01E',
  service: '0fO',
};
/**
 * gitlab-runner has the same limit, because more prefixes would slow down the masking. It keeps the
 * shortest.
 */
const MAX_TOKEN_PREFIXES = 15;

/**
 * Creates a pipeline at the beginning of a trace, or at the state of another one. The same input
 * and options give the same output, however often it was stopped and restored. Source:
 * gitlab-runner `common/buildlogger/build_logger.go`, `helpers/trace/buffer.go`.
 */
export function createTracePipeline(
  options: TracePipelineOptions,
  state?: TracePipelineState,
): TracePipeline {
  const phrases = new Set(shortestFirst(options.maskPhrases));
  const { tools = PURE_BYTE_TOOLS } = options;
  let automaton = automatonOf([...phrases]);
  const prefixes = shortestFirst(options.tokenPrefixes).slice(0, MAX_TOKEN_PREFIXES);
  const tokenPrefixes = automatonOf(prefixes);
  const streams = new Map<TraceStream, StreamStages>();
  const meter = createTraceMeter(options.limitBytes, state, tools);

  const streamOf = (stream: TraceStream): StreamStages => {
    const known = streams.get(stream);
    if (known !== undefined) return known;
    const stamp = options.timestamps ? STAMPS[stream] : undefined;
    const goesOn = stream === 'runner';
    const streamOptions = { phrases: automaton, tokenPrefixes, stamp, goesOn, tools };
    const stages = createStreamStages(streamOptions, state?.streams[stream]);
    streams.set(stream, stages);
    return stages;
  };
  const isOver = (): boolean => meter.isOverLimit;
  const give = (make: () => Uint8Array): Uint8Array => {
    if (isOver()) return NO_BYTES;
    const given = meter.admit(make());
    if (isOver()) streams.clear();
    return given;
  };
  // The streams are restored at the start, so that a snapshot includes them even when nothing more
  // is written to them.
  for (const stream of STREAMS) if (state?.streams[stream] !== undefined) streamOf(stream);

  return {
    write: (stream, bytes, nowMs) => give(() => streamOf(stream).write(bytes, nowMs)),
    flush: (stream, nowMs) => give(() => streamOf(stream).flush(nowMs)),
    addMaskPhrases: (more) => {
      const before = phrases.size;
      for (const phrase of shortestFirst(more)) phrases.add(phrase);
      if (phrases.size === before) return;
      automaton = automatonOf([...phrases]);
      for (const stages of streams.values()) stages.setPhrases(automaton);
    },
    snapshot: () => {
      const { lengthBytes, crc, isOverLimit } = meter;
      const held = [...streams].map(([stream, stages]) => [stream, stages.snapshot()] as const);
      return { version: 1, lengthBytes, crc, isOverLimit, streams: Object.fromEntries(held) };
    },
    get lengthBytes() {
      return meter.lengthBytes;
    },
    get crc() {
      return meter.crc;
    },
    get isOverLimit() {
      return meter.isOverLimit;
    },
  };
}

const STREAMS: readonly TraceStream[] = ['runner', 'stdout', 'stderr', 'service'];

function automatonOf(texts: readonly string[]): PhraseAutomaton {
  const encoder = new TextEncoder();
  const phrases = texts.map((text) => encoder.encode(text));
  return createPhraseAutomaton(phrases);
}

/**
 * Trims, removes empty texts and repetitions, and sorts by length. Source: gitlab-runner
 * `common/buildlogger/internal/unique.go`.
 */
function shortestFirst(texts: readonly string[]): readonly string[] {
  const unique = [...new Set(texts.map((text) => text.trim()))].filter((text) => text !== '');
  return unique.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}
