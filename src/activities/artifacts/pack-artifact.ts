import { expandArtifact, type ExpandedArtifact } from '../../domain/artifacts/expand-artifact.ts';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { startingWith } from '../../domain/files/starting-with.ts';
import { readCompressionLevel } from '../../domain/files/compression-level.ts';
import {
  planSelection,
  type FileSelection,
  type SelectionLine,
} from '../../domain/files/selection.ts';
import type { ArchiveFormat, FileMember, PackOptions } from '../../ports/index.ts';
import { defineCounter } from '../build/note.ts';
import { listedFiles, selectedFiles } from '../files/selected-files.ts';
import { addStatement } from './add-statement.ts';
import {
  noteProgress,
  packedFile,
  print,
  type ArtifactContext,
  type Progress,
} from './artifact-context.ts';
import { followLinks } from './raw-links.ts';

type Packed = Extract<Progress, { state: 'packed' | 'nothing' | 'failed' }>;

/** How often Docker may fail in one entry, because some permanent faults look transient. */
const MAX_TRIES = 20;

/**
 * Packs the files of an entry into a file on this node, and prints what it found. Repeating it
 * after a crash gives the same result, because nothing of the job runs any more.
 */
export async function packArtifact(context: ArtifactContext): Promise<Packed> {
  try {
    await assertContainer(context);
    return await noteProgress(context, await pack(context));
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof TransientError) throw await countTry(context, error);
    throw error;
  }
}

/**
 * Throws when the container is gone, because Docker gives the same answer for a missing container
 * as for a missing path.
 */
async function assertContainer({ engine, container }: ArtifactContext): Promise<void> {
  if ((await engine.inspectContainer(container)) !== undefined) return;
  throw new FinalError(
    FailureType.RunnerSystem,
    `container ${container} is gone before its artifacts were read: somebody or something removed it`,
  );
}

async function pack(context: ArtifactContext): Promise<Packed> {
  const { upload, ports } = context;
  const { artifact } = upload;
  const format = formatOf(artifact.artifact_format);
  if (format === undefined) {
    const text = `unsupported archive format: "${artifact.artifact_format}"`;
    await print(context, 'format', { level: 'fatal', text });
    return { state: 'failed', isLast: false };
  }
  const file = await packedFile(context);
  const options = { file, format, level: await levelOf(context), signal: context.signal };
  const expanded = await expand(context);
  const { selection, members } = choose(context, expanded);
  const first = await members.next();
  if (first.done === true) {
    await printLines(context, 'line', selection.lines());
    return { state: 'nothing' };
  }
  try {
    const { name } = expanded;
    const chosen = startingWith(first.value, members);
    const stated = addStatement(context, { selection, name, members: chosen });
    const { sizeBytes } = await ports.archives.pack(options, stated.members);
    await printLines(context, 'line', selection.lines());
    await stated.printLines();
    return { state: 'packed', sizeBytes };
  } catch (error) {
    if (!(error instanceof FinalError) || error.type !== FailureType.InvalidArchive) throw error;
    return await refuse(context, expanded, error.message);
  } finally {
    // Nobody else closes Docker's stream when packing fails before it reads.
    await members.return(undefined);
  }
}

async function expand(context: ArtifactContext): Promise<ExpandedArtifact> {
  const expanded = expandArtifact(context.upload.artifact, context.variables);
  await printLines(context, 'expansion', expanded.lines);
  return expanded;
}

/** Ends packing with a refusal. Prints the lines so far, although not everything was seen. */
async function refuse(
  context: ArtifactContext,
  expanded: ExpandedArtifact,
  message: string,
): Promise<Packed> {
  const { selection, members } = choose(context, expanded);
  while ((await members.next()).done !== true) continue;
  await printLines(context, 'line', selection.lines());
  await print(context, 'refusal', { level: 'fatal', text: message });
  return { state: 'failed', isLast: false };
}

interface Choice {
  readonly selection: FileSelection;
  /** Read it only once. */
  readonly members: AsyncGenerator<FileMember>;
}

function choose(context: ArtifactContext, expanded: ExpandedArtifact): Choice {
  const choice = chooseAsTheyAre(context, expanded);
  const isRaw = formatOf(context.upload.artifact.artifact_format) === 'raw';
  return isRaw ? { ...choice, members: followLinks(context, choice.members) } : choice;
}

function chooseAsTheyAre(context: ArtifactContext, { paths, exclude }: ExpandedArtifact): Choice {
  const { names, upload, variables } = context;
  const { projectDir } = variables;
  const untracked = upload.artifact.untracked ? (names.untracked ?? []) : undefined;
  const options = { projectDir, paths, exclude, untracked, subject: 'artifacts' } as const;
  const selection = planSelection(options);
  const members =
    selection.needsListing && names.found !== undefined
      ? listedFiles(context, selection, [...names.found, ...(untracked ?? [])])
      : selectedFiles(context, selection);
  return { selection, members };
}

const FORMATS: readonly ArchiveFormat[] = ['zip', 'gzip', 'raw', 'tarzstd', 'zipzstd'];

function formatOf(text: string): ArchiveFormat | undefined {
  return text === '' ? 'zip' : FORMATS.find((known) => known === text);
}

async function levelOf(context: ArtifactContext): Promise<PackOptions['level']> {
  const wanted = context.variables.get('ARTIFACT_COMPRESSION_LEVEL');
  const { level, warning } = readCompressionLevel(wanted);
  if (warning !== undefined) await print(context, 'level', { level: 'warning', text: warning });
  return level;
}

async function printLines(
  context: ArtifactContext,
  name: string,
  lines: readonly SelectionLine[],
): Promise<void> {
  for (const [index, { level, text }] of lines.entries()) {
    const isInfo = level === 'plain' || level === 'info';
    await print(context, `${name} ${index}`, { level: isInfo ? 'info' : level, text });
  }
}

/** Counts a failed try and returns the fault to throw, which is final after too many tries. */
async function countTry(
  { build, ports, key }: ArtifactContext,
  fault: TransientError,
): Promise<Error> {
  const { buildId } = build.context;
  const tries = await defineCounter(`tries ${key}`).increment(buildId, ports);
  if (tries < MAX_TRIES) return fault;
  return new FinalError(FailureType.RunnerSystem, fault.message, { cause: fault });
}
