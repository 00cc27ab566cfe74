import { formatRunnerLine } from '../../domain/trace/sections.ts';
import type { StartedStage } from '../build/container-stage.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineNote, parseNumber, type Note } from '../build/note.ts';

/** As much as Docker keeps: bounds the memory whatever the job's limit is. */
const MAX_LOG_BYTES = 64 * 1024 * 1024;
/** Beyond this nobody reads which words went to which stream. */
const MAX_RUNS = 1_000;
const LINE_FEED = 0x0a;

/** Bytes in a row that went to one stream. */
interface LogRun {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

interface Reading extends StartedStage {
  /** The container has ended: its last line is at its end, whatever it ends with. */
  readonly isComplete: boolean;
}

/**
 * Takes over what an image's entrypoint said to Docker's own log, each byte once: how far every
 * reading went is noted before its bytes are taken, so that any later reading cuts at the same places.
 */
export async function takeEntrypointLog(build: LiveBuild, stage: Reading): Promise<void> {
  const { key, ports, isComplete, containerId } = stage;
  const fromByte = await readLogged(build, stage);
  const log = await readLog(build, stage, fromByte);
  const cuts = await noteCuts(build, stage, { fromByte, bytes: bytesOf(log) });
  let startByte = cuts[0];
  for (const cut of cuts.slice(1)) {
    for (const [index, { stream, bytes }] of sliceRuns(log, startByte, cut).entries()) {
      await build.trace.appendBytesOnce(`${key}/entrypoint/${startByte}/${index}`, stream, bytes);
    }
    startByte = cut;
  }
  if (startByte - fromByte >= MAX_LOG_BYTES) {
    const line = formatRunnerLine('warning', 'The rest of what the entrypoint said is left out');
    await build.trace.appendOnce(`${key}/entrypoint-cut`, line);
  }
  if (isComplete && startByte !== fromByte) {
    await loggedNote(containerId).write(build.context.buildId, startByte, ports);
  }
}

/** Where the stage's part of the log begins, and where each reading of it ended. */
type Cuts = readonly [fromByte: number, ...number[]];

async function noteCuts(
  build: LiveBuild,
  { key, ports, isComplete }: Reading,
  { fromByte, bytes }: { readonly fromByte: number; readonly bytes: Uint8Array },
): Promise<Cuts> {
  const { buildId } = build.context;
  const note = defineNote(`entrypoint ${key}`, parseCuts);
  const known = (await note.read(buildId, ports)) ?? [fromByte];
  const endByte = isComplete ? bytes.length : bytes.lastIndexOf(LINE_FEED) + 1;
  if (endByte <= (known.at(-1) ?? fromByte)) return known;
  const cuts: Cuts = [...known, endByte];
  await note.write(buildId, cuts, ports);
  return cuts;
}

function parseCuts(value: unknown): Cuts | undefined {
  if (!Array.isArray(value)) return undefined;
  const [fromByte, ...ends] = value.filter((cut) => typeof cut === 'number');
  return fromByte === undefined ? undefined : [fromByte, ...ends];
}

function loggedNote(containerId: string): Note<number> {
  return defineNote(`logged ${containerId}`, parseNumber);
}

/**
 * Bytes of the container's log that belong to stages before this one. By their number, not by the
 * time: an entrypoint speaks before the moment that Docker notes as the start of its container.
 */
async function readLogged(build: LiveBuild, { ports, containerId }: StartedStage): Promise<number> {
  return (await loggedNote(containerId).read(build.context.buildId, ports)) ?? 0;
}

/** The whole log of the container, from its first start on. */
async function readLog(
  { context }: LiveBuild,
  { container, engine }: StartedStage,
  fromByte: number,
): Promise<readonly LogRun[]> {
  // One more: the trace says what is cut when the limit is passed.
  const wanted = Math.min(context.runner.outputLimitBytes + 1, MAX_LOG_BYTES);
  return joinRuns(await engine.readLogs(container, { maxBytes: fromByte + wanted }));
}

/** Where Docker happens to cut its frames must not matter. */
function joinRuns(frames: readonly LogRun[]): readonly LogRun[] {
  const groups: { readonly stream: LogRun['stream']; readonly parts: Uint8Array[] }[] = [];
  for (const { stream, bytes } of frames) {
    const last = groups.at(-1);
    if (last?.stream === stream) last.parts.push(bytes);
    else groups.push({ stream, parts: [bytes] });
  }
  const runs = groups.map(({ stream, parts }) => ({ stream, bytes: concat(parts) }));
  return runs.length <= MAX_RUNS ? runs : [{ stream: 'stdout', bytes: bytesOf(runs) }];
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function bytesOf(runs: readonly LogRun[]): Uint8Array {
  return concat(runs.map(({ bytes }) => bytes));
}

function sliceRuns(runs: readonly LogRun[], startByte: number, endByte: number): readonly LogRun[] {
  let at = 0;
  return runs.flatMap(({ stream, bytes }) => {
    const slice = bytes.subarray(Math.max(0, startByte - at), Math.max(0, endByte - at));
    at += bytes.length;
    return slice.length === 0 ? [] : [{ stream, bytes: slice }];
  });
}
