import { posix } from 'node:path';
import type { ArchiveEntry } from '../../activities/ports.ts';
import { packArchive } from './archive.ts';
import { segment, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { refusalFault } from './faults.ts';
import { mountsOf } from './inspect-container.ts';
import { againWhenMet, inTurnAt, mountsHolding } from './shared-mounts.ts';

export interface Putting {
  readonly idOrName: string;
  /** The directory in the container. */
  readonly path: string;
  readonly entries: readonly ArchiveEntry[];
}

/** Sends entries as a tar, alone on every volume and directory of the host that they come to lie on. */
export async function putArchive(parts: EngineParts, putting: Putting): Promise<void> {
  const { daemon, timing } = parts;
  const { idOrName, path, entries } = putting;
  const call: DaemonCall = {
    doing: `put ${entries.length} files into container "${idOrName}" at ${path}`,
    method: 'PUT',
    path: `/containers/${segment(idOrName)}/archive`,
    query: { path },
    tar: await packArchive(entries),
  };
  const paths = entries.map((entry) => posix.join('/', path, entry.path));
  const known = paths.length === 0 ? [] : await mountsOf(parts, idOrName);
  const mounts = mountsHolding(known, paths);
  const reply = await inTurnAt(parts, { mounts }, () =>
    againWhenMet(() => daemon.send(call, { limitMs: timing.slowCallLimitMs })),
  );
  if (reply.status !== 200) throw refusalFault(reply, daemon.action(call));
}
