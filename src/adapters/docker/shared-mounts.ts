import { posix } from 'node:path';
import type { z } from 'zod';
import type { ContainerSpec } from '../../domain/executor/specs.ts';
import type { EngineParts } from './engine-parts.ts';
import type { Refusal } from './faults.ts';
import type { mountSchema } from './replies.ts';

// Docker looks whether a directory is there and then makes it, and it does the same when it fills a
// fresh volume from an image: two calls about one volume at the same time get in each other's way, and
// one of them is answered "file exists". So such calls are made in turn, by what they have in common.

type RawMount = z.infer<typeof mountSchema>;

/** What the paths of a container lie on and other containers may have mounted too. */
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

/** What stands for one directory of a mount, wherever containers have it; none outside of mounts. */
export function directoryOnMount(mounts: readonly RawMount[], path: string): readonly string[] {
  const mount = innermost(mounts, path);
  if (mount === undefined) return [];
  return [`${sourceOf(mount)}//${posix.relative(mount.Destination, path)}`];
}

/** Volumes that Docker may have to fill while it creates the container. Directories of the host are not. */
export function volumesToFill({ binds }: Pick<ContainerSpec, 'binds'>): readonly string[] {
  const sources = binds.flatMap((bind) => bind.split(':', 1)[0] ?? []);
  return [...new Set(sources.filter((source) => !source.startsWith('/')))];
}

/** The mount that a path lies on. */
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

interface Meeting {
  readonly mounts: readonly string[];
  readonly signal?: AbortSignal;
}

/** Does work that changes what is on these mounts when it is its turn there. */
export function inTurnAt<T>(
  { daemon, inTurn }: Pick<EngineParts, 'daemon' | 'inTurn'>,
  { mounts, signal }: Meeting,
  work: () => Promise<T>,
): Promise<T> {
  return inTurn({ keys: mounts.map((mount) => `${daemon.address} ${mount}`), signal }, work);
}

const MET = /\bmkdir(?:at)? .*: file exists/i;
const MAX_MEETINGS = 5;

/** Programs that take no turns use the same volumes: what one of them has just made is there now. */
export async function againWhenMet<T extends Refusal>(call: () => Promise<T>): Promise<T> {
  for (let meetings = 1; ; meetings += 1) {
    const reply = await call();
    if (reply.status !== 500 || !MET.test(reply.message) || meetings === MAX_MEETINGS) return reply;
  }
}
