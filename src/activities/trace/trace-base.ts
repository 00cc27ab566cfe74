import { isObject } from '../../domain/is-object.ts';
import { isDebugTrace } from '../../domain/variables/debug-trace.ts';
import type { JobCredentials, PatchReply, Ports } from '../../ports/index.ts';
import type { LiveBuild, TraceBase } from '../build/live-builds.ts';
import { defineNote } from '../build/note.ts';

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

/** Byte at which GitLab's trace has our first one; undefined before that is settled. */
export async function findBase(build: LiveBuild, ports: Ports): Promise<number | undefined> {
  if (build.context.adoption === undefined) return 0;
  build.base ??= await BASE_NOTE.read(build.context.buildId, ports);
  return build.base?.isTaken === true ? build.base.atByte : undefined;
}

/** Whether GitLab's trace is ours from its first byte, so that its checksum can be told. */
export async function isOwnTrace(build: LiveBuild, ports: Ports): Promise<boolean> {
  return (await findBase(build, ports)) === 0;
}

/**
 * Sends the first patch of an adopted build to where GitLab's trace ends, which nobody but GitLab
 * knows: it tells when the patch does not fit. Where it was sent to is noted before it is sent, so
 * that after a crash a trace that is longer by just this patch is known to have it.
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

/** GitLab has lost what the other node had sent: only GitLab's length is worth anything. */
export async function moveBase(build: LiveBuild, atByte: number, ports: Ports): Promise<void> {
  if (build.base === undefined) return;
  build.base = { ...build.base, atByte };
  await BASE_NOTE.write(build.context.buildId, build.base, ports);
}

export interface FirstPatch {
  readonly job: JobCredentials;
  readonly ports: Ports;
  readonly maxBytes: number;
}
