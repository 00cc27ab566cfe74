import type { PlannedUpload } from '../../domain/artifacts/uploads.ts';
import { containerNamesOf } from '../../domain/executor/environment.ts';
import { isObject } from '../../domain/is-object.ts';
import { formatHelperLine, type HelperLine } from '../../domain/trace/helper-line.ts';
import { finishVariables } from '../../domain/variables/exported-variables.ts';
import type { Variables } from '../../domain/variables/variables.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineNote, type Note } from '../build/note.ts';
import type { FileNames } from '../files/file-lists.ts';
import type { TransferRun } from '../files/transfer-run.ts';

/** All that is at hand while one entry of a job's artifacts is packed and sent. */
export interface ArtifactContext {
  readonly build: LiveBuild;
  readonly run: TransferRun;
  readonly ports: Ports;
  readonly engine: ContainerEngine;
  /** Where the job's files are. */
  readonly container: string;
  readonly variables: Variables;
  readonly signal: AbortSignal;
  readonly upload: PlannedUpload;
  /** What the helper has listed for the stage. */
  readonly names: FileNames;
  /** Names this entry in this try of the stage, in notes and in the trace's keys. */
  readonly key: string;
}

export function openArtifactContext(
  build: LiveBuild,
  run: TransferRun,
  { upload, names }: Pick<ArtifactContext, 'upload' | 'names'>,
): ArtifactContext {
  const { ports, signal, key } = run;
  const { context } = build;
  return {
    ...{ build, run, ports, signal, upload, names },
    engine: ports.engine(context.runner),
    container: containerNamesOf(context).build,
    variables: finishVariables(context, { jobStatus: run.request.jobStatus }),
    key: `${key}/${upload.index}`,
  };
}

/** Says a line once for each name, over all crashes. */
export async function say(
  { build, key }: ArtifactContext,
  name: string,
  line: HelperLine,
): Promise<void> {
  await build.trace.appendOnce(`${key}/${name}`, formatHelperLine(line));
}

/**
 * How far this node has come with the entry. Notes lie on the disk as they are: nothing that has
 * variables of the job in it is noted, such as the name of the file.
 */
export type Progress =
  | { readonly state: 'packed'; readonly sizeBytes: number }
  | { readonly state: 'sent' }
  | { readonly state: 'nothing' }
  | { readonly state: 'failed'; readonly isLast: boolean };

export async function readProgress({
  build,
  ports,
  key,
}: ArtifactContext): Promise<Progress | undefined> {
  return noteOf(key).read(build.context.buildId, ports);
}

/** What is noted is never done again, so all that was said of it has to be in the trace for good. */
export async function noteProgress<T extends Progress>(
  { build, ports, key }: ArtifactContext,
  progress: T,
): Promise<T> {
  await build.trace.checkpoint();
  await noteOf(key).write(build.context.buildId, progress, ports);
  return progress;
}

function noteOf(key: string): Note<Progress> {
  return defineNote(`artifact ${key}`, parseProgress);
}

function parseProgress(value: unknown): Progress | undefined {
  if (!isObject(value)) return undefined;
  const { state, sizeBytes, isLast } = value;
  switch (state) {
    case 'sent':
    case 'nothing':
      return { state };
    case 'packed':
      return typeof sizeBytes === 'number' ? { state, sizeBytes } : undefined;
    case 'failed':
      return typeof isLast === 'boolean' ? { state, isLast } : undefined;
    default:
      return undefined;
  }
}

/** Host path of the packed file. */
export function packedFile({ build, ports, upload }: ArtifactContext): Promise<string> {
  return ports.builds.scratchFile(build.context.buildId, `artifact-${upload.index}`);
}
