import { posix } from 'node:path';
import type { ArchiveEntry } from '../../ports/index.ts';
import { packArchive } from './archive.ts';
import { encodePath, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { archiveFault } from './faults.ts';
import type { DaemonReply } from './read-reply.ts';
import { mountsOf } from './inspect-container.ts';
import { againWhenMet, innermost, withMountLocks, mountsHolding } from './shared-mounts.ts';

export interface PutRequest {
  readonly idOrName: string;
  /** The directory in the container. */
  readonly path: string;
  readonly entries: readonly ArchiveEntry[];
}

/**
 * Sends entries as a tar, with exclusive access to every volume and host directory that they are
 * written to. Podman does not mount volumes while a container does not run, and would unpack into
 * the directories that the volumes hide later. So the entries below each mount are sent to that
 * mount separately.
 */
export async function putArchive(parts: EngineParts, request: PutRequest): Promise<void> {
  const { idOrName, entries } = request;
  const known = entries.length === 0 ? [] : await mountsOf(parts, idOrName);
  const paths = entries.map((entry) => posix.join('/', request.path, entry.path));
  await withMountLocks(parts, { mounts: mountsHolding(known, paths) }, async () => {
    const { isPodman } = await send(parts, request);
    if (!isPodman) return;
    for (const one of belowMounts(known, request)) await send(parts, one);
  });
}

async function send({ daemon, timing }: EngineParts, request: PutRequest): Promise<DaemonReply> {
  const { idOrName, path, entries } = request;
  const call: DaemonCall = {
    doing: `put ${entries.length} files into container "${idOrName}" at ${path}`,
    method: 'PUT',
    path: `/containers/${encodePath(idOrName)}/archive`,
    query: { path },
    tar: await packArchive(entries),
  };
  const reply = await againWhenMet(() => daemon.send(call, { limitMs: timing.slowCallLimitMs }));
  if (reply.status !== 200) throw archiveFault(reply, daemon.action(call));
  return reply;
}

/** Groups the entries below each mount, with paths relative to it. */
function belowMounts(
  mounts: Awaited<ReturnType<typeof mountsOf>>,
  { idOrName, path, entries }: PutRequest,
): readonly PutRequest[] {
  const groups = new Map<string, ArchiveEntry[]>();
  for (const entry of entries) {
    const whole = posix.join('/', path, entry.path);
    const mount = mountAbove(mounts, whole);
    if (mount === undefined || isWithin(path, mount)) continue;
    const relative = { ...entry, path: posix.relative(mount, whole) };
    groups.set(mount, [...(groups.get(mount) ?? []), relative]);
  }
  return [...groups].map(([mount, group]) => ({ idOrName, path: mount, entries: group }));
}

/**
 * Returns the mount that an entry is below. The mount point itself is a directory of its parent.
 */
function mountAbove(
  mounts: Awaited<ReturnType<typeof mountsOf>>,
  whole: string,
): string | undefined {
  const destination = innermost(mounts, whole)?.Destination;
  return destination !== undefined && posix.relative(destination, whole) !== ''
    ? posix.normalize(destination)
    : undefined;
}

/** Whether files that are written at the path are on the mount anyway. */
function isWithin(path: string, mount: string): boolean {
  const relative = posix.relative(mount, path);
  return relative !== '..' && !relative.startsWith('../');
}
