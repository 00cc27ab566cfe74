import { posix } from 'node:path';
import type { z } from 'zod';
import type { ContainerSpec } from '../../domain/executor/specs.ts';
import type { EngineParts } from './engine-parts.ts';
import type { Refusal } from './faults.ts';
import type { mountSchema } from './replies.ts';

// Docker checks whether a directory exists and then makes it, and does the same when it fills a new
// volume from an image. Two concurrent calls about one volume conflict, and one of them fails with
// "file exists". So such calls are serialised by what they share.

type RawMount = z.infer<typeof mountSchema>;

/** Returns the mounts below these paths of a container that other containers may share. */
export function mountsHolding(
  mounts: readonly RawMount[],
  paths: readonly string[],
): readonly string[] {
  const held = paths.flatMap((path) => {
    const mount = innermost(mounts, path);
    return mount === undefined ? [] : [sourceOf(mount)];
  });
  return [...new Set(held)];
}

/**
 * Returns the key for one directory of a mount, which is the same for all containers; none outside
 * of mounts.
 */
export function directoryOnMount(mounts: readonly RawMount[], path: string): readonly string[] {
  const mount = innermost(mounts, path);
  if (mount === undefined) return [];
  return [`${sourceOf(mount)}//${posix.relative(mount.Destination, path)}`];
}

/**
 * Returns the volumes that Docker may have to fill when it creates the container. Host directories
 * are not filled.
 */
export function volumesToFill({ binds }: Pick<ContainerSpec, 'binds'>): readonly string[] {
  const sources = binds.flatMap((bind) => bind.split(':', 1)[0] ?? []);
  return [...new Set(sources.filter((source) => !source.startsWith('/')))];
}

/** Returns the mount that contains a path. */
export function innermost(mounts: readonly RawMount[], path: string): RawMount | undefined {
  const holding = mounts.filter(({ Destination }) =>
    `${posix.normalize(path)}/`.startsWith(`${posix.normalize(Destination).replace(/\/$/, '')}/`),
  );
  const depth = ({ Destination }: RawMount): number => Destination.length;
  return holding.sort((one, other) => depth(other) - depth(one))[0];
}

function sourceOf({ Name, Source }: RawMount): string {
  return Name === undefined || Name === '' ? posix.normalize(`${Source}/`) : Name;
}

interface MountLocks {
  readonly mounts: readonly string[];
  readonly signal?: AbortSignal;
}

/** Runs work that changes these mounts, one at a time for each mount. */
export function withMountLocks<T>(
  { daemon, withLocks }: Pick<EngineParts, 'daemon' | 'withLocks'>,
  { mounts, signal }: MountLocks,
  work: () => Promise<T>,
): Promise<T> {
  return withLocks({ keys: mounts.map((mount) => `${daemon.address} ${mount}`), signal }, work);
}

const MET = /\bmkdir(?:at)? .*: file exists/i;
const MAX_MEETINGS = 5;

/**
 * Repeats a call that conflicted with a call of another program, which our locks cannot prevent.
 * The next try finds the object that the other program has made.
 */
export async function againWhenMet<T extends Refusal>(call: () => Promise<T>): Promise<T> {
  for (let meetings = 1; ; meetings += 1) {
    const reply = await call();
    if (reply.status !== 500 || !MET.test(reply.message) || meetings === MAX_MEETINGS) return reply;
  }
}
