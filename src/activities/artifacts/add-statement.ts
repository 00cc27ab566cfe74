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
import { say, type ArtifactContext } from './artifact-context.ts';

type PlaceInside = Exclude<StatementPlace, { readonly kind: 'outside' }>;

/** The members that an entry's archive gets, and what there is to say once it is packed. */
export interface Stated {
  readonly members: AsyncIterable<FileMember>;
  readonly sayHow: () => Promise<void>;
}

export interface Unstated {
  readonly selection: Pick<FileSelection, 'excludes'>;
  /** The entry's name, expanded. */
  readonly name: string;
  readonly members: AsyncIterable<FileMember>;
}

/**
 * Adds the statement of provenance where the job wants one, as the last member: each file is hashed
 * on its way into the archive. Unlike in the peer it is not written into the checkout, where a later
 * entry could take it along. Source: gitlab-runner `commands/helpers/artifacts_uploader.go` (Execute).
 */
export function addStatement(
  context: ArtifactContext,
  { selection, name, members }: Unstated,
): Stated {
  const { upload, variables, build } = context;
  const { job } = build.context;
  if (!wantsProvenance(job, upload.artifact)) return { members, sayHow: () => Promise.resolve() };
  const place = statementPlace(upload.artifact, name, variables.projectDir);
  const sayHow = async (): Promise<void> => {
    await say(context, 'statement', { level: 'info', text: 'Generating artifacts statement' });
    const warning = schemaWarning(job);
    if (warning !== undefined) await say(context, 'schema', { level: 'warning', text: warning });
    if (place.kind !== 'outside') return;
    const text = `${place.file}: not supported: outside build directory`;
    await say(context, 'statement place', { level: 'warning', text });
  };
  if (place.kind === 'outside' || selection.excludes(place.path)) return { members, sayHow };
  return { members: withStatement(context, place, members), sayHow };
}

async function* withStatement(
  { ports, build, signal }: ArtifactContext,
  place: PlaceInside,
  members: AsyncIterable<FileMember>,
): AsyncGenerator<FileMember, void, void> {
  const { path } = place;
  const subjects: string[] = [];
  for await (const member of members) {
    // What the job has left in its place is not what was built, and no name may be there twice.
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
  // Made twice, to be counted and to be packed: together they may be large.
  const texts = () => statementTexts(build.context, modifiedMs, subjects);
  yield {
    ...{ path, kind: 'file', mode: 0o644, uid: 0, gid: 0, linkTarget: '', modifiedMs },
    sizeBytes: await sizeOf(texts(), { ports, signal }),
    content: encoded(texts()),
  };
}

/** Heartbeats of all builds wait meanwhile. */
const MAX_TURN_MS = 50;

async function sizeOf(
  texts: Iterable<string>,
  { ports: { clock }, signal }: Pick<ArtifactContext, 'ports' | 'signal'>,
): Promise<number> {
  const encoder = new TextEncoder();
  let sizeBytes = 0;
  let turnEndsMs = clock.monotonicMs() + MAX_TURN_MS;
  for (const text of texts) {
    sizeBytes += encoder.encode(text).byteLength;
    if (clock.monotonicMs() < turnEndsMs) continue;
    await clock.sleep(0, signal);
    turnEndsMs = clock.monotonicMs() + MAX_TURN_MS;
  }
  return sizeBytes;
}

/** Not before there is a member: only who reads the members closes what they come from. */
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
