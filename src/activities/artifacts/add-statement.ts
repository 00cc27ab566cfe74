import {
  schemaWarning,
  statementPlace,
  statementTexts,
  subjectText,
  wantsProvenance,
  type StatementPlace,
} from '../../domain/artifacts/provenance.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import type { FileSelection } from '../../domain/files/selection.ts';
import type { FileMember } from '../../ports/index.ts';
import { startTimeSlices } from '../build/time-slices.ts';
import { print, type ArtifactContext } from './artifact-context.ts';

type PlaceInside = Exclude<StatementPlace, { readonly kind: 'outside' }>;

/** The members of an entry's archive, and the lines to print once it is packed. */
export interface WithStatement {
  readonly members: AsyncIterable<FileMember>;
  readonly printLines: () => Promise<void>;
}

export interface WithoutStatement {
  readonly selection: Pick<FileSelection, 'excludes'>;
  /** The entry's name, expanded. */
  readonly name: string;
  readonly members: AsyncIterable<FileMember>;
}

/**
 * Adds the statement of provenance as the last member when the job wants one. Each file is hashed
 * on its way into the archive. Unlike in gitlab-runner, the statement is not written to the
 * checkout, where a later entry could include it. Source: gitlab-runner
 * `commands/helpers/artifacts_uploader.go` (Execute).
 */
export function addStatement(
  context: ArtifactContext,
  { selection, name, members }: WithoutStatement,
): WithStatement {
  const { upload, variables, build } = context;
  const { job } = build.context;
  if (!wantsProvenance(job, upload.artifact))
    return { members, printLines: () => Promise.resolve() };
  const place = statementPlace(upload.artifact, name, variables.projectDir);
  const printLines = async (): Promise<void> => {
    await print(context, 'statement', { level: 'info', text: 'Generating artifacts statement' });
    const warning = schemaWarning(job);
    if (warning !== undefined) await print(context, 'schema', { level: 'warning', text: warning });
    if (place.kind !== 'outside') return;
    const text = `${place.file}: not supported: outside build directory`;
    await print(context, 'statement place', { level: 'warning', text });
  };
  if (place.kind === 'outside' || selection.excludes(place.path)) return { members, printLines };
  return { members: withStatement(context, place, members), printLines };
}

async function* withStatement(
  { ports, build, signal }: ArtifactContext,
  place: PlaceInside,
  members: AsyncIterable<FileMember>,
): AsyncGenerator<FileMember, void, void> {
  const { path } = place;
  const subjects: string[] = [];
  for await (const member of members) {
    // A file of the job with this name is left out, because it is not the runner's statement and
    // names must be unique.
    if (member.path === path || member.path.startsWith(`${path}/`)) continue;
    assertRoomBeside(place, member);
    if (member.kind !== 'file') {
      yield member;
      continue;
    }
    const digest = ports.runningSha256();
    yield { ...member, content: digested(member.content, digest.add) };
    subjects.push(subjectText({ path: member.path, sha256: digest.hex() }));
  }
  const modifiedMs = ports.clock.nowMs();
  // Generated twice, once to count and once to pack, because all texts together may be large.
  const texts = () => statementTexts(build.context, modifiedMs, subjects);
  yield {
    ...{ path, kind: 'file', mode: 0o644, uid: 0, gid: 0, linkTarget: '', modifiedMs },
    sizeBytes: await sizeOf(texts(), { ports, signal }),
    content: encoded(texts()),
  };
}

async function sizeOf(
  texts: Iterable<string>,
  { ports: { clock }, signal }: Pick<ArtifactContext, 'ports' | 'signal'>,
): Promise<number> {
  const encoder = new TextEncoder();
  let sizeBytes = 0;
  const slices = startTimeSlices(clock, signal);
  for (const text of texts) {
    sizeBytes += encoder.encode(text).byteLength;
    if (slices.isOver) await slices.next();
  }
  return sizeBytes;
}

/**
 * Checks that no member has the statement's name. The check runs at the first member, because only
 * a reader of the members closes their source.
 */
function assertRoomBeside(place: PlaceInside, { kind, path }: FileMember): void {
  const isBelow = kind !== 'directory' && place.path.startsWith(`${path}/`);
  const below = isBelow ? `lies below ${JSON.stringify(path)}, which is no directory` : undefined;
  const fault = place.kind === 'impossible' ? place.fault : below;
  if (fault === undefined) return;
  const text = `the archive is refused: the statement of provenance ${fault}`;
  throw new FinalError(FailureType.InvalidArchive, text);
}

async function* digested(
  content: FileMember['content'],
  add: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of content) {
    add(chunk);
    yield chunk;
  }
}

async function* encoded(texts: Iterable<string>): AsyncGenerator<Uint8Array, void, void> {
  const encoder = new TextEncoder();
  for (const text of texts) yield encoder.encode(text);
}
