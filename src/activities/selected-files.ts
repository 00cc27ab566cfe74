import { utf8Ancestor } from '../domain/files/path-bytes.ts';
import { outermostPaths } from '../domain/files/project-paths.ts';
import type { FileSelection } from '../domain/files/selection.ts';
import type { Variables } from '../domain/job/variables.ts';
import type { ContainerEngine, FileMember, Ports } from './ports.ts';

/** Where a job's files are read. */
export interface FilesScene {
  readonly engine: ContainerEngine;
  readonly container: string;
  readonly ports: Pick<Ports, 'clock'>;
  readonly variables: Pick<Variables, 'projectDir'>;
  readonly signal: AbortSignal;
}

/** One reading of a project's files that asks what is kept. */
export interface Selected {
  /** To be read once, each content before the next member. */
  readonly members: AsyncIterable<FileMember>;
  /** What there is to say, and how many there were, when all members were read. */
  readonly lines: FileSelection['lines'];
  readonly count: () => number;
}

/**
 * What a selection keeps of all that is below its roots, by paths relative to the project. To be
 * read once, each content before the next member.
 */
export async function* selectedFiles(
  scene: FilesScene,
  { roots, offer }: Pick<FileSelection, 'roots' | 'offer'>,
): AsyncGenerator<FileMember> {
  for (const root of readableRoots(roots)) {
    for await (const member of membersBelow(scene, root)) {
      if (offer(member.path)) yield member;
    }
  }
}

/**
 * Docker up to 20.10 hands the path that it is asked for to itself as JSON, which holds UTF-8 only, and
 * then finds nothing. What else there is in the directories is offered in vain.
 */
function readableRoots(roots: readonly string[]): readonly string[] {
  return outermostPaths(roots.map(utf8Ancestor));
}

/** So many paths are read one by one; of more, all that is in the directory that holds them. */
const MAX_READS = 50;

/**
 * The same for a selection whose roots may hold far more than what it keeps: it is asked about names
 * that were listed, and only what it has kept is read, as far as that can be told apart.
 */
export async function* listedFiles(
  scene: FilesScene,
  { offer }: Pick<FileSelection, 'offer'>,
  names: Iterable<string>,
): AsyncGenerator<FileMember> {
  const kept = await keptOf(scene, { offer }, names);
  const roots = outermostPaths(kept);
  const reads = roots.length > MAX_READS ? [commonDirectory(roots)] : roots;
  yield* selectedFiles(scene, { roots: reads, offer: (path) => kept.has(path) });
}

/** Heartbeats of all builds wait meanwhile. */
const MAX_TURN_MS = 50;

/** A job may have left a million files, and each may take a while: its patterns are its own too. */
async function keptOf(
  { ports: { clock }, signal }: FilesScene,
  { offer }: Pick<FileSelection, 'offer'>,
  names: Iterable<string>,
): Promise<ReadonlySet<string>> {
  const kept = new Set<string>();
  let turnEndsMs = clock.monotonicMs() + MAX_TURN_MS;
  for (const name of new Set(names)) {
    if (offer(name)) kept.add(name);
    if (clock.monotonicMs() < turnEndsMs) continue;
    await clock.sleep(0, signal);
    turnEndsMs = clock.monotonicMs() + MAX_TURN_MS;
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

/** '' is the whole project, which is no member itself. */
async function* membersBelow(
  { engine, container, variables, signal }: FilesScene,
  root: string,
): AsyncGenerator<FileMember> {
  const path = root === '' ? variables.projectDir : `${variables.projectDir}/${root}`;
  const parent = root.slice(0, root.lastIndexOf('/') + 1);
  for await (const member of (await engine.readFiles(container, path, signal)) ?? []) {
    const relative = root === '' ? member.path.replace(/^[^/]*\/?/, '') : parent + member.path;
    if (relative !== '') yield { ...member, path: relative };
  }
}
