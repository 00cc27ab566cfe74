import { NO_BYTES } from './byte-sink.ts';
import { createPhraseAutomaton, type PhraseAutomaton } from './phrase-automaton.ts';
import { createStreamStages, type StreamStages, type StreamState } from './stream-stages.ts';
import { createTraceMeter } from './trace-meter.ts';

/** Where bytes of a trace come from. The peer numbers them 00 (runner), 01 (job), 0f (services). */
export type TraceStream = 'runner' | 'stdout' | 'stderr' | 'service';

/** What is fixed for a trace from its first byte on. */
export interface TracePipelineOptions {
  /** Values to hide. Trimmed and made unique here. */
  readonly maskPhrases: readonly string[];
  /** Beginnings of tokens: the beginning stays, what follows is hidden. At most 15 are used. */
  readonly tokenPrefixes: readonly string[];
  readonly timestamps: boolean;
  readonly limitBytes: number;
}

/** All that a pipeline must know to go on where it stopped. Plain JSON; holds no mask phrase. */
export interface TracePipelineState {
  readonly version: 1;
  /** Bytes given out so far, and their CRC-32. */
  readonly lengthBytes: number;
  readonly crc: number;
  readonly isOverLimit: boolean;
  readonly streams: Readonly<Partial<Record<TraceStream, StreamState>>>;
}

/** From raw output to the bytes of the trace. */
export interface TracePipeline {
  /**
   * The bytes to append to the trace now; some input may be held back for a later call. They may be
   * a view of `bytes`: to be used before those change.
   */
  write(stream: TraceStream, bytes: Uint8Array, nowMs: number): Uint8Array;
  /** The stream is at its end for now: gives out what was held back of it. */
  flush(stream: TraceStream, nowMs: number): Uint8Array;
  /** Hides these too from now on. */
  addMaskPhrases(phrases: readonly string[]): void;
  snapshot(): TracePipelineState;
  /** Bytes given out so far. */
  readonly lengthBytes: number;
  /** CRC-32 (IEEE) over all bytes given out so far. */
  readonly crc: number;
  /** True when everything that comes is dropped. */
  readonly isOverLimit: boolean;
}

const STAMPS: Readonly<Record<TraceStream, string>> = {
  runner: '00O',
  stdout: '01O',
  stderr: '01E',
  service: '0fO',
};
/** More would make masking slow in the peer; it takes the shortest. */
const MAX_TOKEN_PREFIXES = 15;

/**
 * A pipeline at the beginning of a trace, or where another one stopped. The same input and the same
 * options give the same output, however often it was stopped and restored in between.
 * Source: gitlab-runner `common/buildlogger/build_logger.go`, `helpers/trace/buffer.go`.
 */
export function createTracePipeline(
  options: TracePipelineOptions,
  state?: TracePipelineState,
): TracePipeline {
  const phrases = new Set(shortestFirst(options.maskPhrases));
  let automaton = automatonOf([...phrases]);
  const prefixes = shortestFirst(options.tokenPrefixes).slice(0, MAX_TOKEN_PREFIXES);
  const tokenPrefixes = automatonOf(prefixes);
  const streams = new Map<TraceStream, StreamStages>();
  const meter = createTraceMeter(options.limitBytes, state);

  const streamOf = (stream: TraceStream): StreamStages => {
    const known = streams.get(stream);
    if (known !== undefined) return known;
    const stamp = options.timestamps ? STAMPS[stream] : undefined;
    const goesOn = stream === 'runner';
    const streamOptions = { phrases: automaton, tokenPrefixes, stamp, goesOn };
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
  // Known from the start, so that a snapshot has them though nothing was written to them since.
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
  return createPhraseAutomaton(texts.map((text) => encoder.encode(text)));
}

/** Trimmed, none empty, each once. Source: gitlab-runner `common/buildlogger/internal/unique.go`. */
function shortestFirst(texts: readonly string[]): readonly string[] {
  const unique = [...new Set(texts.map((text) => text.trim()))].filter((text) => text !== '');
  return unique.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}
