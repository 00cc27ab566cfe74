import type { IncomingMessage } from 'node:http';
import type { ContainerEngine, FileMember, PathStat, ReadOptions } from '../../ports/index.ts';
import { startingWith } from '../../domain/files/starting-with.ts';
import { utf8Ancestor } from '../../domain/files/path-bytes.ts';
import { readTar, type TarEntry } from '../tar/reader.ts';
import { encodePath, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { refusalFault } from './faults.ts';
import { linkedMembers, type HardLinkEntry } from './hard-links.ts';
import {
  indirectRead,
  indirectReadOf,
  isLikePattern,
  type IndirectRead,
} from './indirect-reads.ts';
import { followLink } from './follow-link.ts';
import { startIdleLimit, type IdleLimit } from './idle-limit.ts';
import { isCircle, readLinkTarget } from './link-target.ts';
import { reportedFile } from './path-stat.ts';
import { isPodman, readReply } from './read-reply.ts';
import { writeFiles } from './write-files.ts';
import { withoutTrailing } from '../../domain/without-trailing.ts';

type Files = Pick<
  ContainerEngine,
  'readFiles' | 'writeFiles' | 'statPath' | 'pathExists' | 'linkTarget'
>;

/**
 * Copies files into and out of containers by Docker's archive calls, as a tar that is never held as
 * a whole.
 */
export function createFiles(parts: EngineParts): Files {
  return {
    statPath: (idOrName, path) => statPath(parts, { idOrName, path }),
    pathExists: (idOrName, path) => pathExists(parts, { idOrName, path }),
    linkTarget: (idOrName, path) => linkTarget(parts, { idOrName, path }),
    readFiles: (idOrName, path, options) => readFiles(parts, { ...options, idOrName, path }),
    writeFiles: (idOrName, path, options) =>
      writeFiles(parts, {
        ...options,
        idOrName,
        path,
        call: archiveCall('PUT', { idOrName, path }),
      }),
  };
}

interface Place {
  readonly idOrName: string;
  readonly path: string;
}

const DOING = { GET: 'read files of', HEAD: 'look at', PUT: 'write files into' } as const;

function archiveCall(method: keyof typeof DOING, { idOrName, path }: Place): DaemonCall {
  return {
    doing: `${DOING[method]} container "${idOrName}" at ${path}`,
    method,
    path: `/containers/${encodePath(idOrName)}/archive`,
    query: { path },
  };
}

async function statPath(
  { daemon, timing }: EngineParts,
  place: Place,
): Promise<PathStat | undefined> {
  const call = archiveCall('HEAD', place);
  try {
    const response = await daemon.open(call, AbortSignal.timeout(timing.slowCallLimitMs));
    const reply = await readReply(response);
    // Podman may have taken the path for a pattern, and does not report every link.
    return reply.status === 200 && !reply.isPodman ? reportedFile(response, place.path) : undefined;
  } catch (error) {
    throw daemon.fault(error, call);
  }
}

async function pathExists(parts: EngineParts, place: Place): Promise<boolean> {
  const limitMs = parts.timing.slowCallLimitMs;
  const call = archiveCall('HEAD', place);
  const { status, isPodman } = await parts.daemon.expect(call, { accept: [200, 404], limitMs });
  if (!isPodman || !isLikePattern(place.path)) return status === 200;
  // Podman may have taken the path for a pattern, and have answered about other paths.
  const members = await readFiles(parts, { ...place, signal: AbortSignal.timeout(limitMs) });
  await members?.[Symbol.asyncIterator]().return?.();
  return members !== undefined;
}

async function linkTarget(parts: EngineParts, place: Place): Promise<string | undefined> {
  const { target, isUnsure } = await readLinkTarget(parts, archiveCall('HEAD', place));
  if (!isUnsure) return target;
  const signal = AbortSignal.timeout(parts.timing.slowCallLimitMs);
  return followLink(place.path, async (path) => {
    const members = await readFiles(parts, { ...place, path, signal });
    for await (const member of members ?? []) {
      return member.kind === 'symlink' ? member.linkTarget : undefined;
    }
    return undefined;
  });
}

interface Reading extends Place, ReadOptions {
  /** True: `path` is a directory that is read for one of its members. */
  readonly isIndirect?: boolean;
}

async function readFiles(
  parts: EngineParts,
  place: Reading,
): Promise<AsyncIterable<FileMember> | undefined> {
  const call = archiveCall('GET', place);
  const idle = startIdleLimit(parts.timing.transferIdleMs, place.signal);
  let isHandedOn = false;
  try {
    const response = await parts.daemon.open(call, idle.signal);
    const indirect = indirectRead(response, place.path);
    if (indirect !== undefined) {
      response.destroy();
      return await readBelow(parts, place, indirect);
    }
    if (response.statusCode === 200) {
      isHandedOn = true;
      const members = membersOf(response, { parts, place, call, idle });
      return isPodman(response) ? await checkFirst(members, { parts, place }) : members;
    }
    const reply = await readReply(response);
    if (reply.status === 404 || isCircle(reply)) return undefined;
    throw refusalFault(reply, parts.daemon.action(call));
  } catch (error) {
    throw idle.fault(error, parts.daemon.action(call));
  } finally {
    if (!isHandedOn) idle.stop();
  }
}

/**
 * Searches the path among the members of a parent directory. Docker sends the whole directory up to
 * that path, because there is no shorter way.
 */
async function readBelow(
  parts: EngineParts,
  place: Reading,
  { directory, below }: IndirectRead,
): Promise<AsyncIterable<FileMember> | undefined> {
  const { wantsLink = () => true } = place;
  const members = await readFiles(parts, {
    ...place,
    path: `${directory}.`,
    isIndirect: true,
    wantsLink: (path) => isAtOrBelow(below, path) && wantsLink(path.slice(parentLength(below))),
  });
  if (members === undefined) return undefined;
  const found = membersAt(members, below);
  const first = await found.next();
  return first.done === true ? undefined : startingWith(first.value, found);
}

/** Returns Podman's members, unless the first one shows that they belong to another path. */
async function checkFirst(
  members: AsyncGenerator<FileMember, void, void>,
  { parts, place }: Pick<Stream, 'parts' | 'place'>,
): Promise<AsyncIterable<FileMember> | undefined> {
  const first = await members.next();
  if (first.done === true) return members;
  const indirect = indirectReadOf(place.path, first.value.path);
  if (indirect === undefined) return startingWith(first.value, members);
  await members.return();
  return readBelow(parts, place, indirect);
}

/**
 * Renames members so that they begin with the last name of `below`, as if it had been read by
 * itself.
 */
async function* membersAt(
  members: AsyncIterable<FileMember>,
  below: string,
): AsyncGenerator<FileMember, void, void> {
  for await (const member of members) {
    if (!isAtOrBelow(below, member.path)) continue;
    yield { ...member, path: member.path.slice(parentLength(below)) };
    // It is a single member, so nothing follows.
    if (member.path === below && member.kind !== 'directory') return;
  }
}

/** Returns the length of the path of the parent directory, with the slash at its end. */
function parentLength(path: string): number {
  return path.lastIndexOf('/') + 1;
}

function isAtOrBelow(top: string, path: string): boolean {
  return path === top || path.startsWith(`${top}/`);
}

interface Stream {
  readonly parts: EngineParts;
  readonly place: Reading;
  readonly call: DaemonCall;
  readonly idle: IdleLimit;
}

async function* membersOf(
  response: IncomingMessage,
  stream: Stream,
): AsyncGenerator<FileMember, void, void> {
  const { idle, parts, place } = stream;
  const { idOrName, signal, wantsLink } = place;
  const links: HardLinkEntry[] = [];
  try {
    for await (const entry of readTar(touching(response, idle))) {
      // The consumer of the members may take any time.
      idle.pause();
      const member = memberOf(entry, contentOf(entry.content, stream));
      if (member !== undefined) yield member;
      else if (entry.kind === 'link' && wantsLink?.(cleanName(entry.path)) !== false) {
        links.push(linkOf(entry, place));
      }
      idle.touch();
    }
  } catch (error) {
    throw faultOf(error, stream);
  } finally {
    idle.stop();
    response.destroy();
  }
  // Links are read last, because Docker gives no other answer about this container before the first
  // one ends.
  yield* linkedMembers(links, {
    readOne: (path) => readFiles(parts, { idOrName, path, signal }),
    readAgain: () => readFiles(parts, { ...place, wantsLink: () => false }),
  });
}

/**
 * Describes a hard link to an earlier member. Reading it by itself gives its content. If it can
 * only be found among other members, which would return the same link again, the first name is read
 * instead. Docker up to 20.10 cannot find names that are not UTF-8.
 */
function linkOf({ path, linkTarget }: TarEntry, { path: top, isIndirect }: Reading): HardLinkEntry {
  const clean = withoutTrailing(top, '/');
  const parent = clean.slice(0, parentLength(clean));
  const names = isIndirect ? [linkTarget] : [path, linkTarget];
  const found = names.find((each) => utf8Ancestor(each) === each);
  return {
    path: cleanName(path),
    target: cleanName(linkTarget),
    source: found === undefined ? undefined : `${parent}${found}`,
  };
}

async function* touching(
  response: IncomingMessage,
  idle: IdleLimit,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    idle.touch();
    yield chunk;
  }
}

/** Returns the fault of the connection, between members or within one. */
function faultOf(error: unknown, { parts, place, call, idle }: Stream): unknown {
  place.signal.throwIfAborted();
  const fault = idle.fault(error, parts.daemon.action(call));
  return fault === error ? parts.daemon.fault(error, call) : fault;
}

async function* contentOf(
  entry: AsyncIterable<Uint8Array>,
  stream: Stream,
): AsyncGenerator<Uint8Array, void, void> {
  stream.idle.touch();
  try {
    for await (const chunk of entry) {
      stream.idle.pause();
      yield chunk;
      stream.idle.touch();
    }
  } catch (error) {
    throw faultOf(error, stream);
  }
}

function memberOf(entry: TarEntry, content: AsyncIterable<Uint8Array>): FileMember | undefined {
  const { kind, path, ...facts } = entry;
  if (kind === 'link' || kind === 'other') return undefined;
  return { ...facts, kind, path: cleanName(path), content };
}

function cleanName(name: string): string {
  return withoutTrailing(name.replace(/^(?:\.?\/)+/, ''), '/');
}
