import { posix } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FileMember, HardLink } from '../../ports/index.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { tarOf } from '../tar/writer.ts';
import type { DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { archiveFault, type ActionContext } from './faults.ts';
import { startIdleLimit, type IdleLimit } from './idle-limit.ts';
import { mountsOf } from './inspect-container.ts';
import { readReply, type DaemonReply } from './read-reply.ts';
import { directoryOnMount, withMountLocks } from './shared-mounts.ts';

export interface Writing {
  readonly members: AsyncIterable<FileMember | HardLink>;
  readonly signal: AbortSignal;
  readonly idOrName: string;
  /** The directory in the container. */
  readonly path: string;
  readonly call: DaemonCall;
}

/**
 * Sends members as a tar, at the speed at which Docker unpacks it. Nobody else in this program
 * writes to the same directory of the same volume meanwhile.
 */
export async function writeFiles(parts: EngineParts, writing: Writing): Promise<void> {
  const { signal, path } = writing;
  const mounts = directoryOnMount(await mountsOf(parts, writing.idOrName, signal), path);
  await withMountLocks(parts, { mounts, signal }, () => writeNow(parts, writing));
}

async function writeNow({ daemon, timing }: EngineParts, writing: Writing): Promise<void> {
  const { signal, call } = writing;
  const idle = startIdleLimit(timing.transferIdleMs, signal);
  const stop = new AbortController();
  const tarStream = new PassThrough();
  tarStream.on('error', () => undefined); // The packing reports the error.
  let isAnswered = false;
  let ownFault: { readonly error: unknown } | undefined;
  const answering = daemon
    .open({ ...call, tarStream }, AbortSignal.any([idle.signal, stop.signal]))
    .then(readReply)
    .finally(() => {
      isAnswered = true;
      tarStream.destroy(); // The rest of the tar is no longer needed.
    });
  const tar = tarOf(withinPlace(writing));
  const packing = pipeline(watched(tar, idle), tarStream).catch((error: unknown) => {
    if (isAnswered) return;
    ownFault = { error };
    stop.abort();
  });
  const [answer] = await Promise.allSettled([answering, packing]);
  idle.stop();
  signal.throwIfAborted();
  if (ownFault !== undefined) throw ownFault.error;
  const action = daemon.action(call);
  if (answer.status === 'rejected') throw idle.fault(answer.reason, action);
  if (answer.value.status !== 200) throw writeFault(answer.value, action);
}

/**
 * Returns the fault of a refused write. Docker answers 500 for everything that fails while it
 * unpacks, and another try would fail the same way.
 */
function writeFault(reply: DaemonReply, action: ActionContext): Error {
  const isOfUnpacking = reply.status === 500 && UNPACKING.test(reply.message);
  if (!isOfUnpacking) return archiveFault(reply, action);
  return new FinalError(
    FailureType.RunnerSystem,
    `cannot ${action.doing}: Docker at ${action.address} answered ${reply.status}: ${reply.message}`,
  );
}

const UNPACKING =
  /processing tar file|no space left on device|read-only|permission denied|not a directory|is a directory|file exists|too many levels of symbolic links|file name too long|quota exceeded|invalid (?:sym|hard)link/i;

/**
 * Passes chunks on and watches Docker's speed. Docker has the chunk from the moment it is handed
 * over until Docker asks for the next one.
 */
async function* watched(
  tar: AsyncIterable<Uint8Array>,
  idle: IdleLimit,
): AsyncGenerator<Uint8Array, void, void> {
  idle.pause();
  for await (const chunk of tar) {
    idle.touch();
    yield chunk;
    idle.pause();
  }
  idle.touch();
}

async function* withinPlace({
  members,
  path,
}: Writing): AsyncGenerator<FileMember | HardLink, void, void> {
  for await (const member of members) {
    const isLink = member.kind === 'symlink';
    yield isLink ? { ...member, linkTarget: linkTarget(member, path) } : member;
  }
}

/**
 * Returns a link's target in a form that Docker accepts. Docker refuses links that lead out of the
 * target directory, unless they are absolute, which it checks less strictly. Within its container a
 * link may lead anywhere.
 */
function linkTarget(
  { path, linkTarget: target }: Pick<FileMember, 'path' | 'linkTarget'>,
  base: string,
): string {
  if (target.startsWith('/')) return target;
  const leadsTo = posix.normalize(posix.join(posix.dirname(path), target));
  const isInside = leadsTo !== '..' && !leadsTo.startsWith('../');
  return isInside ? target : posix.resolve(base, posix.dirname(path), target);
}
