import { utf8Ancestor } from '../../domain/files/path-bytes.ts';
import { outermostPaths } from '../../domain/files/project-paths.ts';
import type { FileSelection } from '../../domain/files/selection.ts';
import { startTimeSlices } from '../build/time-slices.ts';
import type { FilesContext } from './files-context.ts';
import { findLinkedPlaces, type LinkedPlace } from './linked-places.ts';
import type { FileMember } from '../../ports/index.ts';

/** One reading of a project's files, filtered by the selection. */
export interface Selected {
  /** Read them once, each content before the next member. */
  readonly members: AsyncIterable<FileMember>;
  /** Returns the lines to print and the number of members. Call it after all members were read. */
  readonly lines: FileSelection['lines'];
  readonly count: () => number;
}

/**
 * The selected members below the roots, by paths relative to the project. Read them once, each
 * content before the next member.
 */
export async function* selectedFiles(
  context: FilesContext,
  selection: Pick<FileSelection, 'roots' | 'places' | 'offer'>,
): AsyncGenerator<FileMember> {
  const linked = await findLinkedPlaces(context, selection.places);
  const covered = yield* linkedFiles(context, selection, linked);
  const roots = selection.roots.filter((root) => !isThroughLink(root, linked));
  yield* filesOf(context, roots, (path) => offerBeside(selection, path, covered));
}

/** Up to this many paths are read one by one. For more, their common directory is read. */
const MAX_READS = 50;

async function* filesOf(
  context: FilesContext,
  roots: readonly string[],
  isWanted: (path: string) => boolean,
): AsyncGenerator<FileMember> {
  const readable = readableRoots(roots);
  const reads = readable.length > MAX_READS ? [commonDirectory(readable)] : readable;
  for (const root of reads) {
    yield* membersBelow(context, { path: root, realPath: root, isWanted });
  }
}

/**
 * Returns the roots that Docker can read. Docker up to 20.10 passes the requested path to itself as
 * JSON, which holds only UTF-8, and then finds nothing. For other names their directory is read,
 * and filtered.
 */
function readableRoots(roots: readonly string[]): readonly string[] {
  return outermostPaths(roots.map(utf8Ancestor));
}

/**
 * Reads the selected files behind links, by the names that the job uses. Returns the links that now
 * stand for directories of such files, and so cannot be kept as links.
 */
async function* linkedFiles(
  context: FilesContext,
  { offer }: Pick<FileSelection, 'offer'>,
  linked: readonly LinkedPlace[],
): AsyncGenerator<FileMember, ReadonlySet<string>> {
  const covered = new Set<string>();
  for (const { place, linkPath, realPath } of linked) {
    if (realPath === undefined) continue;
    const isWanted = (path: string): boolean => offer(path, place);
    for await (const member of membersBelow(context, { path: place.path, realPath, isWanted })) {
      covered.add(linkPath);
      yield member;
    }
  }
  return covered;
}

/**
 * Offers a link that was replaced by its files, because it still counts for a pattern that names
 * it.
 */
function offerBeside(
  { offer }: Pick<FileSelection, 'offer'>,
  path: string,
  covered: ReadonlySet<string>,
): boolean {
  if (!covered.has(path)) return offer(path);
  offer(path, { path, isFollowed: false });
  return false;
}

/** Whether a name was found through a link, and not only as one. */
function isThroughLink(name: string, linked: readonly LinkedPlace[]): boolean {
  return linked.some(({ linkPath }) => name.startsWith(`${linkPath}/`));
}

/**
 * Like {@link selectedFiles}, for a selection whose roots may contain far more files than are kept.
 * It filters the listed names first, and reads only the kept ones as far as possible.
 */
export async function* listedFiles(
  context: FilesContext,
  selection: Pick<FileSelection, 'places' | 'offer'>,
  names: Iterable<string>,
): AsyncGenerator<FileMember> {
  const linked = await findLinkedPlaces(context, selection.places);
  const covered = yield* linkedFiles(context, selection, linked);
  const offer = (name: string): boolean =>
    !isThroughLink(name, linked) && offerBeside(selection, name, covered);
  const kept = await keptOf(context, { offer }, names);
  yield* filesOf(context, outermostPaths(kept), (path) => kept.has(path));
}

/**
 * Filters the names in time slices. A job may leave a million files, and each may take time,
 * because the job chooses the patterns too.
 */
async function keptOf(
  { ports: { clock }, signal }: FilesContext,
  { offer }: Pick<FileSelection, 'offer'>,
  names: Iterable<string>,
): Promise<ReadonlySet<string>> {
  const kept = new Set<string>();
  const slices = startTimeSlices(clock, signal);
  for (const name of new Set(names)) {
    if (offer(name)) kept.add(name);
    if (slices.isOver) await slices.next();
  }
  return kept;
}

function commonDirectory([first = '', ...others]: readonly string[]): string {
  const parts = first.split('/').slice(0, -1);
  let length = parts.length;
  for (const other of others) {
    const otherParts = other.split('/');
    while (parts.slice(0, length).some((part, index) => part !== otherParts[index])) length -= 1;
  }
  return parts.slice(0, length).join('/');
}

interface Root {
  /**
   * The path that the job uses. An empty path is the whole project, which is not a member itself.
   */
  readonly path: string;
  /** The path to read from. */
  readonly realPath: string;
  /** Called once for each path at or below the root. */
  readonly isWanted: (path: string) => boolean;
}

/** Reads the wanted members at and below a root. */
async function* membersBelow(
  { engine, container, variables, signal }: FilesContext,
  { path, realPath, isWanted }: Root,
): AsyncGenerator<FileMember> {
  const from = realPath === '' ? variables.projectDir : `${variables.projectDir}/${realPath}`;
  const pathOf = (name: string): string => {
    const below = name.replace(/^[^/]*\/?/, '');
    return below === '' ? path : path === '' ? below : `${path}/${below}`;
  };
  const takes = (name: string): boolean => {
    const relative = pathOf(name);
    return relative !== '' && isWanted(relative);
  };
  const takenLinks = new Set<string>();
  const wantsLink = (name: string): boolean => {
    const isTaken = takes(name);
    if (isTaken) takenLinks.add(name);
    return isTaken;
  };
  const members = await engine.readFiles(container, from, { signal, wantsLink });
  for await (const member of members ?? []) {
    if (!takenLinks.has(member.path) && !takes(member.path)) continue;
    yield { ...member, path: pathOf(member.path) };
  }
}
