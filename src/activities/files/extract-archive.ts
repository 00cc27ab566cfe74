import { containerNamesOf } from '../../domain/executor/environment.ts';
import type { Variables } from '../../domain/variables/variables.ts';
import { findOwner } from '../environment/file-owner.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { ArchiveMember, ContainerEngine, Ports } from '../../ports/index.ts';

export interface Extraction {
  readonly ports: Ports;
  /** Host path of the archive. */
  readonly file: string;
  /** Of the job: it is unpacked into the project's directory, which must exist. */
  readonly variables: Variables;
  readonly signal: AbortSignal;
  /** Told of each file and link before it is written. */
  readonly onWrite?: (path: string) => void;
}

/**
 * Unpacks an archive into the build's container, over what is there. Safe to repeat. Fails with
 * InvalidArchive when the archive is not to be trusted, before anything is written if that shows in
 * its list of members.
 */
export async function extractArchive(build: LiveBuild, options: Extraction): Promise<void> {
  const { context } = build;
  const { ports, file, variables, signal } = options;
  const engine = ports.engine(context.runner);
  const container = containerNamesOf(context).build;
  const directory = variables.projectDir;
  const owner = await findOwner(build, { variables, ports });
  const members: Members = givenTo(owner, ports.archives.unpack(file, signal));
  try {
    const begun = await takeImplied(members, { engine, container, directory, signal });
    await engine.writeFiles(container, directory, {
      members: told(joined(begun, members), options.onWrite),
      signal,
    });
  } finally {
    await members.return?.();
  }
}

/** As they are when nobody in particular is to have them: then all may do everything with them. */
async function* givenTo(
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

interface Begun {
  /** Directories that have to be made. */
  readonly missing: readonly ArchiveMember[];
  /** The first member that is no implied directory; undefined when there is none. */
  readonly next: ArchiveMember | undefined;
}

/**
 * Docker's own way with a directory that is only named in a path would shut out every user but root,
 * and to write one changes the one that is there. So it is asked, before it is busy with writing.
 */
async function takeImplied(
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
): Promise<Begun> {
  const missing: ArchiveMember[] = [];
  const absent = new Set<string>();
  for (;;) {
    signal.throwIfAborted();
    const next = await members.next();
    if (next.done === true) return { missing, next: undefined };
    const { isImplied, path } = next.value;
    if (!isImplied) return { missing, next: next.value };
    // Parents come first: below one that is missing there is nothing.
    const isMissing =
      absent.has(path.slice(0, Math.max(0, path.lastIndexOf('/')))) ||
      !(await engine.pathExists(container, `${directory}/${path}`));
    if (!isMissing) continue;
    absent.add(path);
    missing.push(next.value);
  }
}

async function* told(
  members: AsyncIterable<ArchiveMember>,
  onWrite: Extraction['onWrite'],
): AsyncGenerator<ArchiveMember, void, void> {
  for await (const member of members) {
    if (member.kind !== 'directory') onWrite?.(member.path);
    yield member;
  }
}

async function* joined(
  { missing, next }: Begun,
  rest: Members,
): AsyncGenerator<ArchiveMember, void, void> {
  yield* missing;
  if (next === undefined) return;
  yield next;
  for (let more = await rest.next(); more.done !== true; more = await rest.next()) yield more.value;
}
