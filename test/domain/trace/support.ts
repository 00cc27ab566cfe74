import {
  createTracePipeline,
  type TracePipelineOptions,
} from '../../../src/domain/trace/pipeline.ts';

export const NOW_MS = Date.UTC(2021, 0, 1, 0, 0, 0, 20);

/**
 * Options that mask nothing, stamp nothing and practically have no limit, with the parts that a
 * test changes.
 */
export function optionsOf(changes: Partial<TracePipelineOptions> = {}): TracePipelineOptions {
  return {
    maskPhrases: [],
    tokenPrefixes: [],
    timestamps: false,
    limitBytes: Number.MAX_SAFE_INTEGER,
    ...changes,
  };
}

/** Writes each piece to stdout, ends the stream and returns all that came out. */
export function passThrough(
  options: TracePipelineOptions,
  pieces: readonly (string | Uint8Array)[],
): Buffer {
  const pipeline = createTracePipeline(options);
  const given = pieces.map((piece) =>
    Uint8Array.from(pipeline.write('stdout', Buffer.from(piece), NOW_MS)),
  );
  return Buffer.concat([...given, pipeline.flush('stdout', NOW_MS)]);
}

/** Does the same and returns text. */
export function textThrough(
  options: TracePipelineOptions,
  pieces: readonly (string | Uint8Array)[],
): string {
  return passThrough(options, pieces).toString();
}

/** `bytes` in pieces of the given sizes, which are used over and over. */
export function cut(bytes: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let start = 0, i = 0; start < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    pieces.push(bytes.subarray(start, start + size));
    start += size;
  }
  return pieces;
}
