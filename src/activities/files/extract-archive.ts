import { containerNamesOf } from '../../domain/executor/environment.ts';
import type { Variables } from '../../domain/variables/variables.ts';
import { findOwner } from '../environment/file-owner.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { ArchiveMember, ContainerEngine, Ports } from '../../ports/index.ts';

export interface Extraction {
  readonly ports: Pick<Ports, 'archives' | 'builds' | 'digests' | 'engine'>;
  /** Path of the archive on the node. */
  readonly file: string;
  /**
   * Variables of the job, which name the project's directory. The archive is unpacked into it, and
   * it must exist.
   */
  readonly variables: Variables;
  readonly signal: AbortSignal;
  /** Called with each file and link before it is written. */
  readonly onWrite?: (path: string) => void;
}

/**
 * Unpacks an archive into the build's container, over existing files. Safe to repeat. Throws
 * InvalidArchive for a bad archive, before anything is written if its table of contents shows the
 * fault.
 */
export async function extractArchive(build: LiveBuild, options: Extraction): Promise<void> {
  const { context } = build;
  const { ports, file, variables, signal } = options;
  const engine = ports.engine(context.runner);
  const container = containerNamesOf(context).build;
  const directory = variables.projectDir;
  const owner = await findOwner(build, { variables, ports });
  const members: Members = withOwner(owner, ports.archives.unpack(file, signal));
  try {
    const begun = await readImplied(members, { engine, container, directory, signal });
    await engine.writeFiles(container, directory, {
      members: reportWrites(concatenate(begun, members), options.onWrite),
      signal,
    });
  } finally {
    await members.return?.();
  }
}

/** Sets the owner of the members. Without a particular owner, everybody can access them. */
async function* withOwner(
  owner: string | undefined,
  members: AsyncIterable<ArchiveMember>,
): AsyncGenerator<ArchiveMember, void, void> {
  if (owner === undefined) {
    yield* members;
    return;
  }
  const [uid, gid] = owner.split(':').map(Number);
  for await (const member of members) {
    const mode = member.isImplied ? 0o755 : member.mode;
    yield { ...member, mode, uid: uid ?? member.uid, gid: gid ?? member.gid };
  }
}

type Members = AsyncIterator<ArchiveMember>;

interface ImpliedDirectories {
  /** Directories that must be created. */
  readonly missing: readonly ArchiveMember[];
  /** The first member that is not an implied directory; undefined when there is none. */
  readonly next: ArchiveMember | undefined;
}

/**
 * Finds the directories that the archive implies but does not contain. Docker would create such a
 * directory for root alone, and writing one explicitly would change an existing one. So this checks
 * what exists, before Docker is busy with writing.
 */
async function readImplied(
  members: Members,
  {
    engine,
    container,
    directory,
    signal,
  }: {
    readonly engine: ContainerEngine;
    readonly container: string;
    readonly directory: string;
    readonly signal: AbortSignal;
  },
): Promise<ImpliedDirectories> {
  const missing: ArchiveMember[] = [];
  const absent = new Set<string>();
  for (;;) {
    signal.throwIfAborted();
    const next = await members.next();
    if (next.done === true) return { missing, next: undefined };
    const { isImplied, path } = next.value;
    if (!isImplied) return { missing, next: next.value };
    // Parents come first: below a missing directory everything is missing.
    const isMissing =
      absent.has(path.slice(0, Math.max(0, path.lastIndexOf('/')))) ||
      !(await engine.pathExists(container, `${directory}/${path}`));
    if (!isMissing) continue;
    absent.add(path);
    missing.push(next.value);
  }
}

async function* reportWrites(
  members: AsyncIterable<ArchiveMember>,
  onWrite: Extraction['onWrite'],
): AsyncGenerator<ArchiveMember, void, void> {
  for await (const member of members) {
    if (member.kind !== 'directory') onWrite?.(member.path);
    yield member;
  }
}

async function* concatenate(
  { missing, next }: ImpliedDirectories,
  rest: Members,
): AsyncGenerator<ArchiveMember, void, void> {
  yield* missing;
  if (next === undefined) return;
  yield next;
  for (let more = await rest.next(); more.done !== true; more = await rest.next()) yield more.value;
}
