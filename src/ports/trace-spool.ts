import type { BuildContext } from '../domain/context/context.ts';

/** The trace of each build on this node's disk. */
export interface TraceSpool {
  /** The one writer of this build in this process, opened anew after a crash. */
  open(context: BuildContext): Promise<TraceWriter>;
  close(buildId: string): Promise<void>;
}

/** See adapters/trace-spool.ts for how it stays exact over crashes. */
export interface TraceWriter {
  /**
   * Writes a line of the runner's own, once for each key over all attempts and crashes. It survives
   * the process when this resolves, and the machine with the next checkpoint.
   */
  appendOnce(key: string, text: string): Promise<void>;
  /**
   * Takes over what a container writes into `path`, until `signal` aborts; then takes the rest. Of a
   * source `service/…` whole lines only.
   */
  followFile(source: string, path: string, signal: AbortSignal): Promise<void>;
  /** Frees the disk of a followed file, whose owner has ended: no more of it is taken over. */
  abandonFile(source: string, path: string): Promise<void>;
  /** Whether all further output is beyond the job's limit. */
  readonly isOverLimit: boolean;
  /** Bytes that are not in a file, such as an entrypoint's words. Once for each key. */
  appendBytesOnce(key: string, stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void>;
  /** Lets go of what masking holds back: the stage's streams are at their end. */
  endStreams(): Promise<void>;
  /** Masks these too, in all that is written from now on. */
  hide(phrases: readonly string[]): Promise<void>;
  /**
   * Makes everything written so far durable and sendable. Costly: for what is followed by a note that
   * says that it was done.
   */
  checkpoint(): Promise<void>;
  /** Bytes below the last checkpoint, at most `maxBytes`. */
  read(startByte: number, maxBytes: number): Promise<Uint8Array>;
  readonly sendableBytes: number;
  /** crc32 and length of what is sendable. */
  checksum(): { readonly checksum: string; readonly byteSize: number };
  ackedBytes: number;
  /** Resolves when bytes were appended after this call, or when the signal aborts. */
  whenAppended(signal: AbortSignal): Promise<void>;
}
