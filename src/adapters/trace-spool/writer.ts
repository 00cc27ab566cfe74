import { join } from 'node:path';
import type { Clock, Log, LogFields, TraceWriter } from '../../ports/index.ts';
import { formatCrc32 } from '../../domain/trace/crc32.ts';
import {
  createTracePipeline,
  type TracePipeline,
  type TracePipelineOptions,
  type TracePipelineState,
  type TraceStream,
} from '../../domain/trace/pipeline.ts';
import { formatRunnerLine, splitAtSectionMarks } from '../../domain/trace/sections.ts';
import { watchChanges } from './changes.ts';
import { writeCheckpoint, type Checkpoint, type CheckpointKind } from './checkpoint.ts';
import { addMark, type Mark } from './marks.ts';
import { recover, type Recovery } from './recovery.ts';
import { openSourceFile, type SourceFile } from './source-file.ts';
import { openSpoolFile, type SpoolFile } from './spool-file.ts';
import { createTurns } from './turns.ts';

export interface WriterOptions {
  readonly directory: string;
  readonly pipeline: TracePipelineOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** What tells this trace from others in the program's log. */
  readonly fields: LogFields;
}

/** A TraceWriter that can be closed. */
export interface SpoolWriter extends TraceWriter {
  /** Waits for what is being written. Whoever follows a file fails from now on. */
  close(): Promise<void>;
}

/** Read at once: bounds the memory that a job can make us use. */
const CHUNK_BYTES = 256 * 1024;
/** Of output beyond the limit, so much may lie on the disk. */
const MAX_DROPPED_BYTES = 8 * 1024 * 1024;
const LINE_FEED = 0x0a;
const ENDING_STREAMS: readonly TraceStream[] = ['stdout', 'stderr', 'service', 'runner'];

const NOTHING_YET: Omit<Checkpoint, 'pipeline'> = {
  version: 1,
  sequence: 0,
  offsets: {},
  keys: [],
  ackedBytes: 0,
};

/** Goes on from the last checkpoint in `directory`, if there is one. */
export async function openTraceWriter(options: WriterOptions): Promise<SpoolWriter> {
  const file = await openSpoolFile(join(options.directory, 'trace'));
  try {
    const recovery = await recover(options.directory, file);
    const writer = new DiskTraceWriter(options, file, recovery);
    await writer.begin(recovery);
    return writer;
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface Followed {
  readonly file: SourceFile;
  readonly buffer: Uint8Array;
}

class DiskTraceWriter implements SpoolWriter {
  ackedBytes: number;
  readonly #options: WriterOptions;
  readonly #file: SpoolFile;
  readonly #pipeline: TracePipeline;
  readonly #keys: Set<string>;
  readonly #offsets: Map<string, number>;
  /** Open for as long as this writer is: a job may take away the right to open its file again. */
  readonly #followed = new Map<string, Promise<Followed>>();
  /** Everything that touches pipeline, file or offsets. */
  readonly #turns = createTurns();
  readonly #onAppended = new Set<() => void>();
  #sequence: number;
  /** What the last firm checkpoint holds, and whether that is all there is. */
  #firm: TracePipelineState;
  #isFirm = true;
  /** By what a damaged trace is told from what is right of it. */
  #marks: readonly Mark[];
  readonly #base: Mark | undefined;

  constructor(options: WriterOptions, file: SpoolFile, { checkpoint }: Recovery) {
    this.#options = options;
    this.#file = file;
    this.#pipeline = createTracePipeline(options.pipeline, checkpoint?.pipeline);
    const { keys, offsets, sequence, ackedBytes, marks, base } = checkpoint ?? NOTHING_YET;
    this.#keys = new Set(keys);
    this.#offsets = new Map(Object.entries(offsets));
    this.#sequence = sequence;
    this.#firm = this.#pipeline.snapshot();
    this.#marks = addMark(marks ?? [], this.#firm);
    this.#base = base;
    this.ackedBytes = Math.min(ackedBytes, this.#firm.lengthBytes);
  }

  /** Makes firm what was found, and says what was not. */
  async begin({ checkpoint, damage }: Recovery): Promise<void> {
    if (damage !== undefined) {
      const { log, fields, directory } = this.#options;
      log.error('trace was damaged on disk', { ...fields, directory, ...damage });
      await this.#tellLoss(damage.lostBytes);
    }
    if (checkpoint === undefined && damage === undefined) return;
    this.#isFirm = false;
    await this.checkpoint();
    // One from before the damage would lead to a trace that does not tell of it.
    if (damage !== undefined) await this.#save('quick');
  }

  async #tellLoss(lostBytes: number): Promise<void> {
    if (lostBytes === 0) return;
    const text = `up to ${lostBytes} bytes of this log were lost on the runner's disk: "?" stands for each that had not been sent`;
    await this.#append(this.#mask('runner', Buffer.from(formatRunnerLine('warning', text))));
  }

  get sendableBytes(): number {
    return this.#firm.lengthBytes;
  }

  checksum(): { readonly checksum: string; readonly byteSize: number } {
    const { crc, lengthBytes } = this.#firm;
    return { checksum: formatCrc32(crc), byteSize: lengthBytes };
  }

  appendOnce(key: string, text: string): Promise<void> {
    const parts = splitAtSectionMarks(text).map((part) => Buffer.from(part));
    return this.#once(key, () => [
      ...parts.map((part) => this.#mask('runner', part)),
      this.#flush('runner'),
    ]);
  }

  appendBytesOnce(key: string, stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> {
    return this.#once(key, () => [this.#mask(stream, bytes)]);
  }

  hide(phrases: readonly string[]): Promise<void> {
    return this.#turns.take(() => Promise.resolve(this.#pipeline.addMaskPhrases(phrases)));
  }

  endStreams(): Promise<void> {
    return this.#turns.take(async () => {
      await this.#append(Buffer.concat(ENDING_STREAMS.map((stream) => this.#flush(stream))));
      await this.#save('quick');
    });
  }

  checkpoint(): Promise<void> {
    return this.#turns.take(() => (this.#isFirm ? Promise.resolve() : this.#save('firm')));
  }

  read(startByte: number, maxBytes: number): Promise<Uint8Array> {
    const length = Math.max(0, Math.min(maxBytes, this.sendableBytes - startByte));
    return this.#file.read(startByte, length);
  }

  whenAppended(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#onAppended.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      if (signal.aborted) return resolve();
      this.#onAppended.add(done);
      signal.addEventListener('abort', done);
    });
  }

  async followFile(source: string, path: string, signal: AbortSignal): Promise<void> {
    const followed = await this.#openSource(source, path);
    const changes = watchChanges(path, this.#options.clock, signal);
    try {
      for (;;) {
        // Asked before the rest is taken: what was written before the end must not be missed.
        const isLast = signal.aborted;
        await this.#takeWhatIsThere(source, followed);
        if (isLast) return;
        await changes.next();
      }
    } finally {
      changes.close();
    }
  }

  abandonFile(source: string, path: string): Promise<void> {
    return this.#turns.take(async () => {
      const { file } = await this.#openSource(source, path);
      await file.empty();
      this.#setOffset(source, 0);
    });
  }

  get isOverLimit(): boolean {
    return this.#pipeline.isOverLimit;
  }

  async close(): Promise<void> {
    await this.#turns.take(async () => {
      const followed = await Promise.allSettled(this.#followed.values());
      const files = followed.filter((each) => each.status === 'fulfilled');
      await Promise.all(files.map(({ value }) => value.file.close()));
      await this.#file.close();
    });
  }

  /** `mask` cannot fail. What the disk does not take now waits, so the key is done in any case. */
  #once(key: string, mask: () => readonly Uint8Array[]): Promise<void> {
    return this.#turns.take(async () => {
      if (!this.#keys.has(key)) {
        this.#keys.add(key);
        await this.#append(Buffer.concat(mask()));
      }
      // Also when it was done before: it may be that this is what failed then.
      if (!this.#isFirm) await this.#save('quick');
    });
  }

  #openSource(source: string, path: string): Promise<Followed> {
    const known = this.#followed.get(source);
    if (known !== undefined) return known;
    const opening = openSourceFile(path).then((file) => ({
      file,
      buffer: new Uint8Array(CHUNK_BYTES),
    }));
    this.#followed.set(source, opening);
    opening.catch(() => this.#followed.delete(source));
    return opening;
  }

  /** No more than there is when it begins: a job that never stops writing does not keep us. */
  async #takeWhatIsThere(source: string, followed: Followed): Promise<void> {
    let left = await this.#turns.take(() => this.#countNew(source, followed.file));
    while (left > 0) {
      const taken = await this.#turns.take(() => this.#takeChunk(source, followed, left));
      if (taken === 0) return;
      left -= taken;
    }
  }

  async #countNew(source: string, file: SourceFile): Promise<number> {
    const sizeBytes = await file.sizeBytes();
    // The job has cut its file: what it writes now begins at its start.
    if (sizeBytes < this.#offsetOf(source)) this.#setOffset(source, 0);
    return sizeBytes - this.#offsetOf(source);
  }

  async #takeChunk(source: string, { file, buffer }: Followed, left: number): Promise<number> {
    const offset = this.#offsetOf(source);
    if (this.#pipeline.isOverLimit) {
      this.#setOffset(source, offset + left);
      if (offset + left > MAX_DROPPED_BYTES) await this.#drop(source, file);
      return left;
    }
    const wanted = buffer.subarray(0, Math.min(left, buffer.length));
    const read = wanted.subarray(0, await file.read(wanted, offset));
    const { stream, bytes } = isService(source)
      ? { stream: 'service' as const, bytes: wholeLines(read, buffer.length) }
      : { stream: 'stdout' as const, bytes: read };
    this.#setOffset(source, offset + bytes.length);
    await this.#append(this.#mask(stream, bytes));
    return bytes.length;
  }

  /** Only what a checkpoint says is not needed: after a crash the file would be read again. */
  async #drop(source: string, file: SourceFile): Promise<void> {
    if (!this.#firm.isOverLimit) await this.#save('firm');
    await file.empty();
    this.#setOffset(source, 0);
  }

  #offsetOf(source: string): number {
    return this.#offsets.get(source) ?? 0;
  }

  #setOffset(source: string, offset: number): void {
    this.#offsets.set(source, offset);
    this.#isFirm = false;
  }

  #mask(stream: TraceStream, bytes: Uint8Array): Uint8Array {
    return this.#pipeline.write(stream, bytes, this.#options.clock.nowMs());
  }

  #flush(stream: TraceStream): Uint8Array {
    return this.#pipeline.flush(stream, this.#options.clock.nowMs());
  }

  async #append(masked: Uint8Array): Promise<void> {
    this.#isFirm = false;
    if (masked.length === 0) return;
    await this.#file.append(masked);
    for (const notify of [...this.#onAppended]) notify();
  }

  async #save(kind: CheckpointKind): Promise<void> {
    await this.#file.append(new Uint8Array(0));
    const pipeline = this.#pipeline.snapshot();
    if (kind === 'firm') await this.#file.sync();
    if (kind === 'firm') this.#marks = addMark(this.#marks, pipeline);
    const checkpoint: Checkpoint = {
      version: 1,
      sequence: ++this.#sequence,
      pipeline,
      offsets: Object.fromEntries(this.#offsets),
      keys: [...this.#keys],
      ackedBytes: this.ackedBytes,
      marks: this.#marks,
      base: this.#base,
    };
    await writeCheckpoint(this.#options.directory, kind, checkpoint);
    if (kind === 'quick') return;
    this.#firm = pipeline;
    this.#isFirm = true;
  }
}

/** Several services share one stream of the trace: a line of one must not go on with another's. */
function isService(source: string): boolean {
  return source.startsWith('service/');
}

/** A line that is longer than what is read at once is taken in parts. */
function wholeLines(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const end = bytes.lastIndexOf(LINE_FEED) + 1;
  return end === 0 && bytes.length === maxBytes ? bytes : bytes.subarray(0, end);
}
