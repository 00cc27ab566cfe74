import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Header, type Pack } from 'tar-stream';
import type { ContainerEngine, FileMember } from '../../activities/ports.ts';
import type { EngineParts } from './containers.ts';
import { segment, type DaemonCall } from './daemon.ts';
import { refusalFault } from './faults.ts';
import { readReply } from './read-reply.ts';

type Files = Pick<ContainerEngine, 'readFiles' | 'writeFiles' | 'pathExists'>;

/** A daemon that is busy with the container's files answers only after it is done. */
const LOOK_LIMIT_MS = 120_000;

/** Files into and out of containers, by Docker's archive calls: a tar that is never held as a whole. */
export function createFiles(parts: EngineParts): Files {
  return {
    pathExists: async (idOrName, path) => {
      const call = archiveCall('HEAD', { idOrName, path });
      const accept = [200, 404];
      const { status } = await parts.daemon.expect(call, { accept, limitMs: LOOK_LIMIT_MS });
      return status === 200;
    },
    readFiles: (idOrName, path, signal) => readFiles(parts, { idOrName, path, signal }),
    writeFiles: async (idOrName, path, { members, signal }) => {
      const archive = pack();
      const call: DaemonCall = {
        ...archiveCall('PUT', { idOrName, path }),
        tarStream: Readable.from(archive),
      };
      const sending = parts.daemon.open(call, signal);
      // A refusal ends the sending: the answer says why.
      const [reply] = await Promise.all([
        sending.then(readReply),
        packMembers(archive, members).catch((error: unknown) => {
          archive.destroy();
          throw error;
        }),
      ]);
      if (reply.status !== 200) throw refusalFault(reply, parts.daemon.action(call));
    },
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
    path: `/containers/${segment(idOrName)}/archive`,
    query: { path },
  };
}

async function readFiles(
  parts: EngineParts,
  place: Place & { readonly signal: AbortSignal },
): Promise<AsyncIterable<FileMember> | undefined> {
  const call = archiveCall('GET', place);
  const response = await parts.daemon.open(call, place.signal);
  if (response.statusCode === 200) return membersOf(response, { parts, place, call });
  const reply = await readReply(response);
  if (reply.status === 404) return undefined;
  throw refusalFault(reply, parts.daemon.action(call));
}

interface Reading {
  readonly parts: EngineParts;
  readonly place: Place & { readonly signal: AbortSignal };
  readonly call: DaemonCall;
}

async function* membersOf(
  response: NodeJS.ReadableStream,
  { parts, place, call }: Reading,
): AsyncGenerator<FileMember> {
  const archive = extract();
  const reading = pipeline(response, archive);
  reading.catch(() => undefined); // told by the loop below, which reads the same stream
  try {
    for await (const entry of archive) {
      const member = memberOf(entry.header, entry as AsyncIterable<Uint8Array>);
      if (member !== undefined) yield member;
      else if (entry.header.type === 'link') yield* linked(entry.header, { parts, place, call });
      entry.resume();
    }
    await reading;
  } catch (error) {
    place.signal.throwIfAborted();
    throw parts.daemon.fault(error, call);
  } finally {
    archive.destroy();
  }
}

/** A second name of a file that came before: read by itself it has its content. */
async function* linked(header: Header, { parts, place }: Reading): AsyncGenerator<FileMember> {
  const parent = place.path.replace(/\/+$/, '').replace(/[^/]*$/, '');
  const path = `${parent}${header.name}`;
  const members = await readFiles(parts, { ...place, path });
  for await (const member of members ?? []) yield { ...member, path: cleanName(header.name) };
}

function memberOf(header: Header, content: AsyncIterable<Uint8Array>): FileMember | undefined {
  const { type, name, mode, uid, gid, mtime, size, linkname } = header;
  if (type !== 'file' && type !== 'directory' && type !== 'symlink') return undefined;
  return {
    ...{ path: cleanName(name), kind: type, mode: mode & 0o7777, uid, gid, content },
    modifiedMs: mtime.getTime(),
    sizeBytes: type === 'file' ? size : 0,
    linkTarget: type === 'symlink' ? linkname : '',
  };
}

function cleanName(name: string): string {
  return name.replace(/^(?:\.?\/)+|\/+$/g, '');
}

async function packMembers(archive: Pack, members: AsyncIterable<FileMember>): Promise<void> {
  for await (const member of members) {
    const entry = archive.entry({
      name: member.path,
      type: member.kind,
      mode: member.mode,
      uid: member.uid,
      gid: member.gid,
      mtime: new Date(member.modifiedMs),
      ...(member.kind === 'file' && { size: member.sizeBytes }),
      ...(member.kind === 'symlink' && { linkname: member.linkTarget }),
    });
    if (member.kind === 'file') await pipeline(member.content, entry);
    else entry.end(undefined);
  }
  archive.finalize();
}
