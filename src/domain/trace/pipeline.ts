import type { StreamState } from './stream-stages.ts';

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
  /** The bytes to append to the trace now; some input may be held back for a later call. */
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

export declare function createTracePipeline(
  options: TracePipelineOptions,
  state?: TracePipelineState,
): TracePipeline;
