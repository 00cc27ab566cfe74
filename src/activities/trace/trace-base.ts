import { isObject } from '../../domain/is-object.ts';
import { isDebugTrace } from '../../domain/variables/debug-trace.ts';
import type { JobCredentials, PatchReply, Ports } from '../../ports/index.ts';
import type { LiveBuild, TraceBase } from '../build/live-builds.ts';
import { defineNote, type NotePorts } from '../build/note.ts';

const BASE_NOTE = defineNote('trace-base', parseBase);

function parseBase(value: unknown): TraceBase | undefined {
  if (!isObject(value)) return undefined;
  const { atByte, lengthBytes, isTaken } = value;
  return typeof atByte === 'number' &&
    typeof lengthBytes === 'number' &&
    typeof isTaken === 'boolean'
    ? { atByte, lengthBytes, isTaken }
    : undefined;
}

/** Returns the position of our first byte in GitLab's trace; undefined until it is known. */
export async function findBase(build: LiveBuild, ports: NotePorts): Promise<number | undefined> {
  if (build.context.adoption === undefined) return 0;
  build.base ??= await BASE_NOTE.read(build.context.buildId, ports);
  return build.base?.isTaken === true ? build.base.atByte : undefined;
}

/** Whether GitLab's trace is ours from its first byte. Only then our checksum applies. */
export async function isOwnTrace(build: LiveBuild, ports: NotePorts): Promise<boolean> {
  return (await findBase(build, ports)) === 0;
}

/**
 * Sends the first patch of an adopted build to the end of GitLab's trace. Only GitLab knows that
 * position, and reports it when a patch does not fit. The position is noted before sending, so that
 * after a crash a trace that is longer by exactly this patch is known to contain it.
 */
export async function sendFirstPatch(
  build: LiveBuild,
  { job, ports, maxBytes }: FirstPatch,
): Promise<PatchReply> {
  const { context, trace } = build;
  const base = build.base ?? {
    atByte: 0,
    lengthBytes: Math.min(trace.sendableBytes, maxBytes),
    isTaken: false,
  };
  const note = async (next: TraceBase): Promise<void> => {
    await BASE_NOTE.write(context.buildId, next, ports);
    build.base = next;
  };
  if (build.base === undefined) await note(base);
  const { atByte, lengthBytes } = base;
  const endByte = atByte + lengthBytes;
  const reply = await ports.coordinator(context.runner).patchTrace(job, {
    window: { startByte: atByte, endByte },
    body: await trace.read(0, lengthBytes),
    debugTrace: isDebugTrace(context),
  });
  const isOurs = reply.kind === 'range_mismatch' && reply.remoteLengthBytes === endByte;
  if (reply.kind === 'accepted' || isOurs) {
    await note({ ...base, isTaken: true });
    trace.ackedBytes = lengthBytes;
  } else if (reply.kind === 'range_mismatch') {
    await note({ ...base, atByte: reply.remoteLengthBytes });
  }
  return reply;
}

/**
 * Moves the base, because GitLab has lost the other node's part and only GitLab's own length
 * counts.
 */
export async function moveBase(build: LiveBuild, atByte: number, ports: NotePorts): Promise<void> {
  if (build.base === undefined) return;
  build.base = { ...build.base, atByte };
  await BASE_NOTE.write(build.context.buildId, build.base, ports);
}

export interface FirstPatch {
  readonly job: JobCredentials;
  readonly ports: NotePorts & Pick<Ports, 'coordinator'>;
  readonly maxBytes: number;
}
