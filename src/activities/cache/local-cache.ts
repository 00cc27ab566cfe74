import type { CacheAddress } from '../../domain/cache/address.ts';
import { cacheRoot } from '../../domain/cache/address.ts';
import { eachOf } from '../../domain/each-of.ts';
import { cleanPath } from '../../domain/job/project-dir.ts';
import type { CacheContext } from './cache-context.ts';
import type { ArchiveEntry, FileMember, HardLink, PathStat } from '../../ports/index.ts';

/**
 * Name of a cache's archive in the containers' cache directory. gitlab-runner uses the same name.
 */
const ARCHIVE = 'cache.zip';
const METADATA = 'metadata.json';
const DIRECTORY_MODE = 0o700;

/** Describes the local archive; undefined when there is none. Its time is in whole seconds. */
export async function statLocal(
  context: CacheContext,
  address: CacheAddress,
): Promise<Pick<PathStat, 'sizeBytes' | 'modifiedMs'> | undefined> {
  const { engine, container } = context;
  const stat = await engine.statPath(container, `${address.directory}/${ARCHIVE}`);
  if (stat?.kind === 'file') return stat;
  for await (const member of await readLocal(context, address)) {
    return member.kind === 'file' ? member : undefined;
  }
  return undefined;
}

/** Copies the local archive to a file of the node. Returns false when there is none. */
export async function takeLocal(
  context: CacheContext,
  address: CacheAddress,
  file: string,
): Promise<boolean> {
  const { ports, signal } = context;
  for await (const member of await readLocal(context, address)) {
    // A link or anything else that is no file was put there by a job.
    if (member.kind !== 'file') return false;
    const options = { file, format: 'raw', level: 'default', signal } as const;
    await ports.archives.pack(options, eachOf([member]));
    return true;
  }
  return false;
}

async function readLocal({ engine, container, signal }: CacheContext, { directory }: CacheAddress) {
  return (await engine.readFiles(container, `${directory}/${ARCHIVE}`, { signal })) ?? [];
}

/**
 * Puts an archive into the cache directory and replaces an older one. A build of any node may read
 * the archive at the same time, and a write may be cut off, so the archive gets its name only when
 * it is complete.
 */
export async function keepLocal(
  context: CacheContext,
  address: CacheAddress,
  archive: { readonly file: string; readonly modifiedMs: number },
): Promise<void> {
  const { engine, container, signal } = context;
  const members = await membersOf(context, address, archive);
  // A separate call creates the directories, because another build may create the same ones, and a
  // stream cannot be sent again.
  if (!(await isReady(context, address))) {
    await engine.putArchive(container, '/', directoriesOf(context, address));
  }
  await engine.writeFiles(container, address.directory, { members: eachOf(members), signal });
}

/** Whether an earlier archive has left the directories. */
async function isReady(
  { engine, container }: CacheContext,
  { directory }: CacheAddress,
): Promise<boolean> {
  const stat = await engine.statPath(container, directory);
  return stat?.kind === 'directory' && stat.mode === DIRECTORY_MODE;
}

/**
 * Returns the archive under a temporary name of this node, a hard link with its final name, and an
 * empty file that replaces the temporary name, because a container engine cannot rename a file. The
 * node's next archive replaces one that was cut off.
 */
async function membersOf(
  { ports }: CacheContext,
  { humanKey }: CacheAddress,
  { file, modifiedMs }: { readonly file: string; readonly modifiedMs: number },
): Promise<readonly (FileMember | HardLink)[]> {
  const { sizeBytes, content } = await ports.hostFiles.open(file);
  const metadata = new TextEncoder().encode(JSON.stringify({ cachekey: humanKey }));
  const common = { ...OF_ROOT, kind: 'file', modifiedMs } as const;
  const incomplete = `${ARCHIVE}.${ports.digests.sha256Hex(ports.systemId).slice(0, 12)}`;
  const own = { ...common, path: incomplete, mode: 0o600 };
  const empty = { sizeBytes: 0, content: eachOf([]) };
  return [
    { ...own, sizeBytes, content },
    { ...own, ...empty, kind: 'link', path: ARCHIVE, linkTarget: incomplete },
    { ...own, ...empty },
    {
      ...{ ...common, path: METADATA, mode: 0o640 },
      sizeBytes: metadata.byteLength,
      content: eachOf([metadata]),
    },
  ];
}

/**
 * Returns the directories of the archive, which only their owner can read, as in gitlab-runner. The
 * cache directory itself stays unchanged.
 */
function directoriesOf(
  { build, variables }: CacheContext,
  { directory }: CacheAddress,
): readonly ArchiveEntry[] {
  const { context } = build;
  const top = cleanPath(context.runner.cacheDir);
  const isInTop = cacheRoot({ context, variables }).startsWith(`${top}/`);
  const below = directory.slice(top.length + 1).split('/');
  const paths = isInTop
    ? below.map((_, index) => `${top}/${below.slice(0, index + 1).join('/')}`)
    : [directory];
  return paths.map((path) => ({ path, type: 'directory', mode: DIRECTORY_MODE }));
}

const OF_ROOT = { uid: 0, gid: 0, linkTarget: '' } as const;
