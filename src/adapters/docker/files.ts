import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import type { ContainerEngine, FileMember } from '../../activities/ports.ts';
import { segment, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { refusalFault } from './faults.ts';
import { startIdleLimit, type IdleLimit } from './idle-limit.ts';
import { readReply } from './read-reply.ts';
import { writeFiles } from './write-files.ts';

type Files = Pick<ContainerEngine, 'readFiles' | 'writeFiles' | 'pathExists'>;

/** Files into and out of containers, by Docker's archive calls: a tar that is never held as a whole. */
export function createFiles(parts: EngineParts): Files {
  return {
    pathExists: async (idOrName, path) => {
      const call = archiveCall('HEAD', { idOrName, path });
      const limitMs = parts.timing.slowCallLimitMs;
      const { status } = await parts.daemon.expect(call, { accept: [200, 404], limitMs });
      return status === 200;
    },
    readFiles: (idOrName, path, signal) => readFiles(parts, { idOrName, path, signal }),
    writeFiles: (idOrName, path, order) =>
      writeFiles(parts, {
        ...{ ...order, idOrName, path },
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
    path: `/containers/${segment(idOrName)}/archive`,
    query: { path },
  };
}

interface Reading extends Place {
  readonly signal: AbortSignal;
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
    if (response.statusCode === 200) {
      isHandedOn = true;
      return membersOf(response, { parts, place, call, idle });
    }
    const reply = await readReply(response);
    if (reply.status === 404) return undefined;
    throw refusalFault(reply, parts.daemon.action(call));
  } catch (error) {
    throw idle.fault(error, place.signal, parts.daemon.action(call));
  } finally {
    if (!isHandedOn) idle.stop();
  }
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
  const { idle } = stream;
  const archive = extract();
  response.on('data', () => idle.touch());
  const reading = pipeline(response, archive);
  reading.catch(() => undefined); // told by the loop below, which reads the same stream
  const links: string[] = [];
  try {
    for await (const entry of archive) {
      // Whoever takes the members may take as long as they like.
      idle.pause();
      const content = contentOf(entry as AsyncIterable<Uint8Array>, stream);
      const member = memberOf(entry.header, content);
      if (member !== undefined) yield member;
      else if (entry.header.type === 'link') links.push(entry.header.name);
      idle.touch();
      entry.resume();
    }
    await reading;
  } catch (error) {
    throw faultOf(error, stream);
  } finally {
    idle.stop();
    archive.destroy();
  }
  // Not before: until the first answer is at its end Docker gives no other one about this container.
  for (const name of links) yield* linked(name, stream);
}

/** What went wrong with the connection, whether between members or within one. */
function faultOf(error: unknown, { parts, place, call, idle }: Stream): unknown {
  place.signal.throwIfAborted();
  const fault = idle.fault(error, place.signal, parts.daemon.action(call));
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

/** A second name of a file that came before: read by itself it has its content. */
async function* linked(
  name: string,
  { parts, place }: Stream,
): AsyncGenerator<FileMember, void, void> {
  const parent = place.path.replace(/\/+$/, '').replace(/[^/]*$/, '');
  const members = await readFiles(parts, { ...place, path: `${parent}${name}` });
  for await (const member of members ?? []) yield { ...member, path: cleanName(name) };
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
