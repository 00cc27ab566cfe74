import type { StageOutcome } from '../../domain/context/outcome.ts';
import { containerNamesOf } from '../../domain/executor/environment.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { readContent } from '../../domain/files/read-content.ts';
import { fileLists, needsFileLists, parseFileList } from '../../domain/script/list-files.ts';
import { finishVariables } from '../../domain/variables/exported-variables.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineFlag } from '../build/note.ts';
import { withContainer } from '../build/container-stage.ts';
import { runInContainer } from '../container-stage/stage-container.ts';
import type { TransferRun } from './transfer-run.ts';

/**
 * Names that the helper has listed, relative to the project; undefined when nobody asked for them.
 */
export interface FileNames {
  readonly found: readonly string[] | undefined;
  readonly untracked: readonly string[] | undefined;
}

export type Listing =
  | { readonly kind: 'listed'; readonly names: FileNames }
  /** The listing itself failed. */
  | { readonly kind: 'ended'; readonly outcome: StageOutcome };

/** Room for about a million names. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;

const NOTHING: FileNames = { found: undefined, untracked: undefined };

/**
 * Lets the helper list the names that a stage needs before it reads files. This happens once, even
 * after crashes.
 */
export async function listFiles(build: LiveBuild, run: TransferRun): Promise<Listing> {
  const { context } = build;
  const { ports, request } = run;
  const variables = finishVariables(context, { jobStatus: request.jobStatus });
  if (!needsFileLists({ context, variables }, request.stage.name)) {
    return { kind: 'listed', names: NOTHING };
  }
  const note = defineFlag(`listed ${run.key}`);
  if (!(await note.isSet(context.buildId, ports))) {
    const key = `${run.key}/list`;
    const stage = { key, request, place: 'helper', ports } as const;
    const outcome = await runInContainer(build, withContainer(build, stage));
    if (outcome.kind !== 'succeeded') return { kind: 'ended', outcome };
    await build.trace.checkpoint();
    await note.set(context.buildId, ports);
  }
  const lists = fileLists(variables);
  const found = await readList(build, run, lists.found);
  const untracked = await readList(build, run, lists.untracked);
  // Without the names that were found, all files are read, which only takes longer.
  if (untracked === 'too_long') throw tooLong();
  return { kind: 'listed', names: { found: found === 'too_long' ? undefined : found, untracked } };
}

/** Reads a list from the volume that both containers share; undefined when there is none. */
async function readList(
  { context }: LiveBuild,
  { ports, signal }: TransferRun,
  path: string,
): Promise<readonly string[] | 'too_long' | undefined> {
  const { build: container } = containerNamesOf(context);
  const members = await ports.engine(context.runner).readFiles(container, path, { signal });
  for await (const member of members ?? []) {
    if (member.kind !== 'file') return undefined;
    if (member.sizeBytes > MAX_LIST_BYTES) return 'too_long';
    return parseFileList(await readContent(member));
  }
  return undefined;
}

function tooLong(): FinalError {
  return new FinalError(
    FailureType.RunnerSystem,
    `the names of the job's untracked files take more than ${MAX_LIST_BYTES} bytes: let it leave fewer`,
  );
}
