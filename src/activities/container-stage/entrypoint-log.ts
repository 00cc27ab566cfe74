import { joinBytes } from '../../domain/join-bytes.ts';
import { withoutMarks, type LogRun } from '../../domain/script/log-marks.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import type { StageStart, StartedStage } from '../build/container-stage.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineNote, parseNumber, type Note } from '../build/note.ts';

/** Bounds the memory for a log, independent of the job's own `output_limit`. */
const MAX_LOG_BYTES = 64 * 1024 * 1024;
/** By this many first bytes a log is recognised. */
const HEAD_BYTES = 1_024;
/** With more runs than this, stdout and stderr are no longer distinguished. */
const MAX_RUNS = 1_000;
const LINE_FEED = 0x0a;
/** Extra bytes for the marks of about thirty stages, because marks do not count as output. */
const MAX_MARK_BYTES = 4_096;

interface Reading extends StartedStage {
  /** True: the container has ended, so its last line is complete even without a line end. */
  readonly isComplete: boolean;
  /** True: stages have left marks in the log, which are not shown. */
  readonly hasMarks: boolean;
  /** The needed part of the log, if the log is followed. With undefined, the log has to be read. */
  readonly followed?: Promise<readonly LogRun[] | undefined> | undefined;
  readonly taken: TakenLog;
}

/** How much of a container's log this process has copied to the trace while it follows a stage. */
export interface TakenLog {
  untilByte: number;
  /** The first bytes of the log when it was last read. */
  head?: Uint8Array;
}

/**
 * Copies an entrypoint's output from Docker's own log to the trace, each byte once. The end of
 * every reading is noted before its bytes are written, so that a repeated reading cuts at the same
 * places. All places count the bytes that Docker has dropped too: see `noteDropped`.
 */
export async function takeEntrypointLog(build: LiveBuild, stage: Reading): Promise<void> {
  const { key, ports, isComplete, start, taken } = stage;
  const fromByte = await readLogged(build, stage);
  const known = (await cutsNote(stage).read(build.context.buildId, ports)) ?? [fromByte];
  const { log, bytes: kept, droppedBytes } = await readLog(build, stage, known);
  const cuts = await noteCuts(build, stage, { known, droppedBytes, bytes: kept });
  let startByte = cuts[0];
  for (const cut of cuts.slice(1)) {
    // Earlier parts matter only when another process has cut them, and may have died before it
    // copied them.
    const runs =
      cut > taken.untilByte ? sliceRuns(log, startByte - droppedBytes, cut - droppedBytes) : [];
    for (const [index, { stream, bytes }] of runs.entries()) {
      await build.trace.appendBytesOnce(`${key}/entrypoint/${startByte}/${index}`, stream, bytes);
    }
    startByte = cut;
  }
  taken.untilByte = startByte;
  if (startByte - Math.max(fromByte, droppedBytes) >= MAX_LOG_BYTES) {
    const line = formatRunnerLine('warning', 'The rest of what the entrypoint said is left out');
    await build.trace.appendOnce(`${key}/entrypoint-cut`, line);
  }
  if (isComplete && startByte !== fromByte) {
    await loggedNote(start).write(build.context.buildId, startByte, ports);
  }
}

/** Where the stage's part of the log begins, and where each reading ended. */
type Cuts = readonly [fromByte: number, ...number[]];

function cutsNote({ key }: Pick<Reading, 'key'>): Note<Cuts> {
  return defineNote(`entrypoint ${key}`, parseCuts);
}

interface ReadLog {
  readonly known: Cuts;
  readonly droppedBytes: number;
  readonly bytes: Uint8Array;
}

async function noteCuts(
  build: LiveBuild,
  reading: Reading,
  { known, droppedBytes, bytes }: ReadLog,
): Promise<Cuts> {
  const length = reading.isComplete ? bytes.length : bytes.lastIndexOf(LINE_FEED) + 1;
  const endByte = droppedBytes + length;
  if (endByte <= lastOf(known)) return known;
  const cuts: Cuts = [...known, endByte];
  await cutsNote(reading).write(build.context.buildId, cuts, reading.ports);
  return cuts;
}

function lastOf(cuts: Cuts): number {
  return cuts.at(-1) ?? cuts[0];
}

function parseCuts(value: unknown): Cuts | undefined {
  if (!Array.isArray(value)) return undefined;
  const [fromByte, ...ends] = value.filter((cut) => typeof cut === 'number');
  return fromByte === undefined ? undefined : [fromByte, ...ends];
}

function loggedNote({ containerId }: StageStart): Note<number> {
  return defineNote(`logged ${containerId}`, parseNumber);
}

/**
 * Returns the number of bytes in the container's log that belong to earlier stages. It counts bytes
 * and not times, because an entrypoint may print before the start time that Docker records.
 */
async function readLogged(build: LiveBuild, { ports, start }: StartedStage): Promise<number> {
  return (await loggedNote(start).read(build.context.buildId, ports)) ?? 0;
}

/**
 * The number of bytes that Docker has dropped from the container's log, as far as they are known:
 * those that were read before.
 */
function droppedNote({ containerId }: StageStart): Note<number> {
  return defineNote(`dropped ${containerId}`, parseNumber);
}

interface KeptLog {
  readonly log: readonly LogRun[];
  /** The same without the division into runs. */
  readonly bytes: Uint8Array;
  readonly droppedBytes: number;
}

/** Reads the log of the container since its first start, or since Docker has emptied it. */
async function readLog(build: LiveBuild, reading: Reading, known: Cuts): Promise<KeptLog> {
  const { buildId, runner } = build.context;
  const noted = (await droppedNote(reading.start).read(buildId, reading.ports)) ?? 0;
  // One more byte makes the trace show that the limit was exceeded.
  const wanted = Math.min(runner.outputLimitBytes + 1, MAX_LOG_BYTES);
  const log = await readRuns(reading, Math.max(0, known[0] - noted) + wanted);
  const bytes = bytesOf(log);
  const isEmptied = wasEmptied(reading, bytes, lastOf(known) - noted);
  const droppedBytes = isEmptied ? await noteDropped(build, reading, lastOf(known)) : noted;
  return { log, bytes, droppedBytes };
}

async function readRuns(reading: Reading, maxBytes: number): Promise<readonly LogRun[]> {
  if (!reading.hasMarks)
    return joinRuns(await reading.engine.readLogs(reading.container, { maxBytes }));
  return joinRuns(withoutMarks(await readMarked(reading, maxBytes + MAX_MARK_BYTES)));
}

/**
 * Whether Docker has emptied the log since it was last read, because the log was full. Only a log
 * behind an entrypoint is read often enough to tell.
 */
function wasEmptied({ start, taken }: Reading, bytes: Uint8Array, takenBytes: number): boolean {
  if (start.opensStdin !== true) return false;
  const { head = bytes.subarray(0, 0) } = taken;
  taken.head = bytes.slice(0, HEAD_BYTES);
  return bytes.length < takenBytes || head.some((byte, at) => byte !== bytes[at]);
}

/** Notes that everything that was read before has been dropped. Returns the number of its bytes. */
async function noteDropped(
  build: LiveBuild,
  { key, ports, start }: Reading,
  takenBytes: number,
): Promise<number> {
  const text = 'A part of what the entrypoint said may be missing: Docker has emptied its full log';
  const line = formatRunnerLine('warning', text);
  await build.trace.appendOnce(`${key}/entrypoint-dropped/${takenBytes}`, line);
  await droppedNote(start).write(build.context.buildId, takenBytes, ports);
  return takenBytes;
}

/**
 * Returns the followed log, or reads the log if that is faster. Docker does not answer a request
 * for the log while it takes the container down, so the followed log may be there much earlier.
 */
async function readMarked(
  { container, engine, isComplete, followed }: Reading,
  maxBytes: number,
): Promise<readonly LogRun[]> {
  const read = (): Promise<readonly LogRun[]> => engine.readLogs(container, { maxBytes });
  if (isComplete) return (await followed) ?? read();
  const reading = read();
  if (followed === undefined) return reading;
  const known = followed.then((log) => log ?? reading);
  return Promise.race([known, reading]);
}

/** Joins frames of one stream, so that Docker's division into frames does not matter. */
function joinRuns(frames: readonly LogRun[]): readonly LogRun[] {
  const groups: { readonly stream: LogRun['stream']; readonly parts: Uint8Array[] }[] = [];
  for (const { stream, bytes } of frames) {
    const last = groups.at(-1);
    if (last?.stream === stream) last.parts.push(bytes);
    else groups.push({ stream, parts: [bytes] });
  }
  const runs = groups.map(({ stream, parts }) => ({ stream, bytes: joinBytes(parts) }));
  return runs.length <= MAX_RUNS ? runs : [{ stream: 'stdout', bytes: bytesOf(runs) }];
}

function bytesOf(runs: readonly LogRun[]): Uint8Array {
  return joinBytes(runs.map(({ bytes }) => bytes));
}

function sliceRuns(runs: readonly LogRun[], startByte: number, endByte: number): readonly LogRun[] {
  let at = 0;
  return runs.flatMap(({ stream, bytes }) => {
    const slice = bytes.subarray(Math.max(0, startByte - at), Math.max(0, endByte - at));
    at += bytes.length;
    return slice.length === 0 ? [] : [{ stream, bytes: slice }];
  });
}
