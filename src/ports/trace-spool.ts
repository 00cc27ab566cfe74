import type { BuildContext } from '../domain/context/context.ts';

/** The trace of each build on this node's disk. */
export interface TraceSpool {
  /** Opens the only writer for this build in this process. Recovers its state after a crash. */
  open(context: BuildContext): Promise<TraceWriter>;
  close(buildId: string): Promise<void>;
}

/**
 * Writes one build's trace. The comments in adapters/trace-spool/ explain how it stays exact over
 * crashes.
 */
export interface TraceWriter {
  /**
   * Writes a line of the runner, once for each key over all attempts and crashes. When this
   * resolves, the line survives a crash of the process. After the next checkpoint it also survives
   * a crash of the machine.
   */
  appendOnce(key: string, text: string): Promise<void>;
  /**
   * Copies what a container writes to `path` until `signal` aborts, then the rest. Sources named
   * `service/…` are copied in whole lines only.
   */
  followFile(source: string, path: string, signal: AbortSignal): Promise<void>;
  /**
   * Frees the disk space of a followed file whose owner has ended. The rest of the file is not
   * copied.
   */
  abandonFile(source: string, path: string): Promise<void>;
  /** True when all further output exceeds the job's limit. */
  readonly isOverLimit: boolean;
  /** Appends bytes that are not in a file, such as an entrypoint's output, once for each key. */
  appendBytesOnce(key: string, stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void>;
  /**
   * Writes the bytes that masking holds back, because the stage's streams have ended. They survive
   * a crash after the next new line or checkpoint; until then the stage is followed again.
   */
  endStreams(): Promise<void>;
  /** From now on also masks these phrases in everything that is written. */
  hide(phrases: readonly string[]): Promise<void>;
  /**
   * Makes everything written so far durable and sendable. This is expensive: use it before a note
   * that records the work as done.
   */
  checkpoint(): Promise<void>;
  /** Reads bytes below the last checkpoint, at most `maxBytes`. */
  read(startByte: number, maxBytes: number): Promise<Uint8Array>;
  readonly sendableBytes: number;
  /** Number of all bytes so far, including those after the last checkpoint. */
  readonly writtenBytes: number;
  /** Returns the CRC-32 and the length of the sendable trace. */
  checksum(): { readonly checksum: string; readonly byteSize: number };
  ackedBytes: number;
}
