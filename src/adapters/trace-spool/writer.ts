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
import { formatRunnerLine, splitAtSectionMarkers } from '../../domain/trace/sections.ts';
import { watchChanges } from './changes.ts';
import { writeCheckpoint, type Checkpoint } from './checkpoint.ts';
import { addCheckedLength, type CheckedLength } from './checked-lengths.ts';
import { NATIVE_BYTE_TOOLS } from './native-bytes.ts';
import { recover, type Recovery } from './recovery.ts';
import { restoreLengths } from './restore-lengths.ts';
import { DROPPED_BYTES, openSourceFile, type SourceFile } from './source-file.ts';
import { partToCopy } from './source-parts.ts';
import { openSpoolFile, type SpoolFile } from './spool-file.ts';
import { createKeyedMutex } from '../host/keyed-mutex.ts';

export interface WriterOptions {
  readonly directory: string;
  readonly pipeline: TracePipelineOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** Fields that identify this trace in the program's log. */
  readonly fields: LogFields;
}

/** A TraceWriter that can be closed. */
export interface SpoolWriter extends TraceWriter {
  /** Waits for current writes. Later calls of followers throw. */
  close(): Promise<void>;
}

/** Bytes read at once. The limit bounds the memory that a job can make this program use. */
const CHUNK_BYTES = 256 * 1024;
/** How much output beyond the limit may stay on the disk. */
const MAX_DROPPED_BYTES = 8 * 1024 * 1024;
const ENDING_STREAMS: readonly TraceStream[] = ['stdout', 'stderr', 'service', 'runner'];

const NOTHING_YET: Omit<Checkpoint, 'pipeline'> = {
  version: 1,
  sequence: 0,
  offsets: {},
  keys: [],
  ackedBytes: 0,
};

/** Opens a writer that continues from the last checkpoint in `directory`, if there is one. */
export async function openTraceWriter(options: WriterOptions): Promise<SpoolWriter> {
  const file = await openSpoolFile(join(options.directory, 'trace'));
  try {
    const recovery = await recover(options.directory, file);
    await restoreLengths(recovery.checkpoint, options.clock.boot);
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
  /** Those of the keys that no checkpoint includes yet, because saving one has failed. */
  readonly #unsavedKeys = new Set<string>();
  readonly #offsets: Map<string, number>;
  readonly #paths: Map<string, string>;
  /**
   * The files stay open as long as this writer, because a job may remove our permission to open
   * them again.
   */
  readonly #followed = new Map<string, Promise<Followed>>();
  /** Serialises everything that changes pipeline, file or offsets. */
  readonly #exclusively = createKeyedMutex();
  #sequence: number;
  /** Counts the changes of what a checkpoint includes. */
  #revision = 0;
  /** The last firm checkpoint: its pipeline, its place among all checkpoints, and its revision. */
  #firm: TracePipelineState;
  #firmSequence = 0;
  #firmRevision = 0;
  /** Used to find the correct beginning of a damaged trace. */
  #checkedLengths: readonly CheckedLength[];
  #base: CheckedLength | undefined;

  constructor(options: WriterOptions, file: SpoolFile, { checkpoint }: Recovery) {
    this.#options = options;
    this.#file = file;
    this.#pipeline = createTracePipeline(
      { ...options.pipeline, tools: NATIVE_BYTE_TOOLS },
      checkpoint?.pipeline,
    );
    const { keys, offsets, paths = {}, ...rest } = checkpoint ?? NOTHING_YET;
    const { sequence, ackedBytes, marks, base } = rest;
    this.#keys = new Set(keys);
    this.#offsets = new Map(Object.entries(offsets));
    this.#paths = new Map(Object.entries(paths));
    this.#sequence = sequence;
    this.#firm = this.#pipeline.snapshot();
    this.#checkedLengths = addCheckedLength(marks ?? [], this.#firm);
    this.#base = base;
    this.ackedBytes = Math.min(ackedBytes, this.#firm.lengthBytes);
  }

  /** Makes the recovered state firm, and logs what was lost. */
  async begin({ checkpoint, damage }: Recovery): Promise<void> {
    if (damage !== undefined) await this.#tellLoss(damage.lostBytes);
    if (checkpoint === undefined && damage === undefined) return;
    this.#revision++;
    await this.checkpoint();
    // An older checkpoint would continue a trace that does not mention the damage.
    if (damage !== undefined) await this.#saveQuick();
  }

  async #tellLoss(lostBytes: number): Promise<void> {
    const { log, fields, directory } = this.#options;
    log.error('trace was damaged on disk', { ...fields, directory, lostBytes });
    if (lostBytes === 0) return;
    const text = `up to ${lostBytes} bytes of this log were lost on the runner's disk: "?" stands for each that had not been sent`;
    await this.#append(this.#mask('runner', Buffer.from(formatRunnerLine('warning', text))));
  }

  get sendableBytes(): number {
    return this.#firm.lengthBytes;
  }

  get writtenBytes(): number {
    return this.#pipeline.lengthBytes;
  }

  checksum(): { readonly checksum: string; readonly byteSize: number } {
    const { crc, lengthBytes } = this.#firm;
    return { checksum: formatCrc32(crc), byteSize: lengthBytes };
  }

  async appendOnce(key: string, text: string): Promise<void> {
    if (text === '') return;
    const parts = splitAtSectionMarkers(text).map((part) => Buffer.from(part));
    await this.#once(key, () => [
      ...parts.map((part) => Uint8Array.from(this.#mask('runner', part))),
      this.#flush('runner'),
    ]);
  }

  appendBytesOnce(key: string, stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> {
    return this.#once(key, () => [this.#mask(stream, bytes)]);
  }

  hide(phrases: readonly string[]): Promise<void> {
    return this.#alone(() => Promise.resolve(this.#pipeline.addMaskPhrases(phrases)));
  }

  endStreams(): Promise<void> {
    return this.#alone(() =>
      this.#append(Buffer.concat(ENDING_STREAMS.map((stream) => this.#flush(stream)))),
    );
  }

  checkpoint(): Promise<void> {
    return this.#exclusively({ keys: ['checkpoint'] }, async () => {
      const taken = await this.#alone(async () => (this.#isFirm ? undefined : this.#take()));
      if (taken === undefined) return;
      // The disk may need long for this. Meanwhile more output is copied.
      await this.#file.sync();
      await this.#alone(() => this.#saveFirm(taken));
    });
  }

  async read(startByte: number, maxBytes: number): Promise<Uint8Array> {
    const length = Math.max(0, Math.min(maxBytes, this.sendableBytes - startByte));
    const bytes = await this.#file.read(startByte, length);
    if (bytes.length === length) return bytes;
    await this.#exclusively({ keys: ['checkpoint'] }, () => this.#alone(() => this.#fillMissing()));
    return this.#file.read(startByte, length);
  }

  /** Continues like a recovery when something has truncated the trace's file: see `recover`. */
  async #fillMissing(): Promise<void> {
    const keptBytes = await this.#file.fillMissing();
    if (keptBytes === undefined) return;
    const { lengthBytes, crc } = this.#pipeline.snapshot();
    this.#base = { lengthBytes, crc };
    this.#checkedLengths = [];
    await this.#tellLoss(
      Math.max(0, this.#file.lengthBytes - Math.max(keptBytes, this.ackedBytes)),
    );
    await this.#checkpointAlone();
  }

  async followFile(source: string, path: string, signal: AbortSignal): Promise<void> {
    const followed = await this.#openSource(source, path);
    const changes = watchChanges(path, this.#options.clock, signal);
    try {
      for (;;) {
        // The flag is read before the rest is copied, so that output before the end is not missed.
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
    return this.#alone(async () => {
      const { file } = await this.#openSource(source, path);
      await file.drop();
      this.#setOffset(source, DROPPED_BYTES);
    });
  }

  get isOverLimit(): boolean {
    return this.#pipeline.isOverLimit;
  }

  async close(): Promise<void> {
    await this.#exclusively({ keys: ['checkpoint'] }, () => this.#alone(() => this.#closeFiles()));
  }

  async #closeFiles(): Promise<void> {
    const followed = await Promise.allSettled(this.#followed.values());
    const files = followed.filter((each) => each.status === 'fulfilled');
    await Promise.all(files.map(({ value }) => value.file.close()));
    await this.#file.close();
  }

  /**
   * Appends something once for a key. `mask` cannot fail. Bytes that the disk does not take now
   * wait, so the key is done in any case.
   */
  #once(key: string, mask: () => readonly Uint8Array[]): Promise<void> {
    return this.#alone(async () => {
      if (!this.#keys.has(key)) {
        this.#keys.add(key);
        this.#unsavedKeys.add(key);
        await this.#append(Buffer.concat(mask()));
      }
      if (this.#unsavedKeys.has(key)) await this.#saveQuick();
    });
  }

  #openSource(source: string, path: string): Promise<Followed> {
    const known = this.#followed.get(source);
    if (known !== undefined) return known;
    const opening = openSourceFile(path).then((file) => ({
      file,
      buffer: Buffer.allocUnsafeSlow(CHUNK_BYTES),
    }));
    this.#followed.set(source, opening);
    this.#paths.set(source, path);
    opening.catch(() => this.#followed.delete(source));
    return opening;
  }

  /**
   * Copies only what exists at the beginning, so that a job that never stops writing cannot block
   * this.
   */
  async #takeWhatIsThere(source: string, followed: Followed): Promise<void> {
    let left = await this.#alone(() => this.#countNew(source, followed.file));
    while (left > 0) {
      const taken = await this.#alone(() => this.#takeChunk(source, followed, left));
      if (taken === 0) return;
      left -= taken;
    }
  }

  async #countNew(source: string, file: SourceFile): Promise<number> {
    const sizeBytes = await file.sizeBytes();
    // The job has truncated its file, so new output begins at its start.
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
    const { stream, bytes } = partToCopy(source, read, buffer.length);
    this.#setOffset(source, offset + bytes.length);
    await this.#append(this.#mask(stream, bytes));
    return bytes.length;
  }

  /** Drops only output that a checkpoint covers, because after a crash the rest is read again. */
  async #drop(source: string, file: SourceFile): Promise<void> {
    if (!this.#firm.isOverLimit) await this.#checkpointAlone();
    await file.drop();
    this.#setOffset(source, DROPPED_BYTES);
  }

  #offsetOf(source: string): number {
    return this.#offsets.get(source) ?? 0;
  }

  #setOffset(source: string, offset: number): void {
    this.#offsets.set(source, offset);
    this.#revision++;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#exclusively({ keys: ['writer'] }, work);
  }

  #mask(stream: TraceStream, bytes: Uint8Array): Uint8Array {
    return this.#pipeline.write(stream, bytes, this.#options.clock.nowMs());
  }

  #flush(stream: TraceStream): Uint8Array {
    return this.#pipeline.flush(stream, this.#options.clock.nowMs());
  }

  async #append(masked: Uint8Array): Promise<void> {
    this.#revision++;
    if (masked.length === 0) return;
    await this.#file.append(masked);
  }

  /** Whether the last firm checkpoint includes everything. */
  get #isFirm(): boolean {
    return this.#revision === this.#firmRevision;
  }

  /** Takes what a checkpoint of this moment includes. The spool file has all of it. */
  async #take(): Promise<TakenState> {
    await this.#file.append(new Uint8Array(0));
    return {
      revision: this.#revision,
      sequence: ++this.#sequence,
      pipeline: this.#pipeline.snapshot(),
      offsets: Object.fromEntries(this.#offsets),
      keys: [...this.#keys],
    };
  }

  async #saveQuick(): Promise<void> {
    await writeCheckpoint(this.#options.directory, 'quick', this.#format(await this.#take()));
    this.#unsavedKeys.clear();
  }

  /** Saves a state whose part of the spool file was synced after it was taken. */
  async #saveFirm(taken: TakenState): Promise<void> {
    // Meanwhile a later one may have been saved, on which dropped output depends.
    if (taken.sequence < this.#firmSequence) return;
    this.#checkedLengths = addCheckedLength(this.#checkedLengths, taken.pipeline);
    await writeCheckpoint(this.#options.directory, 'firm', this.#format(taken));
    this.#firm = taken.pipeline;
    this.#firmSequence = taken.sequence;
    this.#firmRevision = taken.revision;
  }

  async #checkpointAlone(): Promise<void> {
    const taken = await this.#take();
    await this.#file.sync();
    await this.#saveFirm(taken);
  }

  #format({ sequence, pipeline, offsets, keys }: TakenState): Checkpoint {
    return {
      version: 1,
      ...{ sequence, pipeline, offsets, keys },
      paths: Object.fromEntries(this.#paths),
      boot: this.#options.clock.boot,
      ackedBytes: this.ackedBytes,
      marks: this.#checkedLengths,
      base: this.#base,
    };
  }
}

/** What a checkpoint includes of the moment at which it is taken. */
interface TakenState extends Pick<Checkpoint, 'sequence' | 'pipeline' | 'offsets' | 'keys'> {
  /** The number of changes until then. */
  readonly revision: number;
}
