import type { PlannedUpload } from '../../domain/artifacts/uploads.ts';
import { containerNamesOf } from '../../domain/executor/environment.ts';
import { isObject } from '../../domain/is-object.ts';
import { formatHelperLine, type HelperLine } from '../../domain/trace/helper-line.ts';
import { finishVariables } from '../../domain/variables/exported-variables.ts';
import type { Variables } from '../../domain/variables/variables.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';
import { stageKey } from '../build/container-stage.ts';
import type { ConfirmPorts } from '../build/lease.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineNote, type Note } from '../build/note.ts';
import type { FileNames } from '../files/file-lists.ts';
import type { TransferRun } from '../files/transfer-run.ts';

type ArtifactPorts = ConfirmPorts &
  Pick<Ports, 'archives' | 'builds' | 'coordinator' | 'hostFiles' | 'randomness' | 'runningSha256'>;

/** Everything that packing and sending one artifacts entry needs. */
export interface ArtifactContext {
  readonly build: LiveBuild;
  readonly ports: ArtifactPorts;
  readonly engine: ContainerEngine;
  /** The container with the job's files. */
  readonly container: string;
  readonly variables: Variables;
  readonly signal: AbortSignal;
  readonly upload: PlannedUpload;
  /** The names that the helper listed for the stage. */
  readonly names: FileNames;
  /** Identifies this entry in this try of the stage, in notes and in the trace's keys. */
  readonly key: string;
  /** The keys of this entry in earlier tries of the stage. */
  readonly earlierKeys: readonly string[];
}

export function openArtifactContext(
  build: LiveBuild,
  run: TransferRun,
  { upload, names }: Pick<ArtifactContext, 'upload' | 'names'>,
): ArtifactContext {
  const { ports, signal, key, request } = run;
  const { attempt, stage } = request;
  const earlier = Array.from({ length: attempt - 1 }, (_, index) => index + 1);
  const { context } = build;
  return {
    ...{ build, ports, signal, upload, names },
    engine: ports.engine(context.runner),
    container: containerNamesOf(context).build,
    variables: finishVariables(context, { jobStatus: request.jobStatus }),
    key: `${key}/${upload.index}`,
    earlierKeys: earlier.map((one) => `${stageKey({ ...stage, attempt: one })}/${upload.index}`),
  };
}

/** Prints a line once for each name, even after crashes. */
export async function print(
  { build, key }: ArtifactContext,
  name: string,
  line: HelperLine,
): Promise<void> {
  await build.trace.appendOnce(`${key}/${name}`, formatHelperLine(line));
}

/**
 * How far this node has come with the entry. Notes are stored unencrypted, so they contain nothing
 * with variables of the job, such as the file's name.
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

/** Whether GitLab has taken the entry in an earlier try of the stage. */
export async function wasSent({ build, ports, earlierKeys }: ArtifactContext): Promise<boolean> {
  const { buildId } = build.context;
  for (const key of earlierKeys) {
    if ((await noteOf(key).read(buildId, ports))?.state === 'sent') return true;
  }
  return false;
}

/**
 * Notes the progress. A noted step is never repeated, so its lines must be durable in the trace
 * first.
 */
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

/** Returns the path of the packed file on the node. */
export function packedFile({ build, ports, upload }: ArtifactContext): Promise<string> {
  return ports.builds.scratchFile(build.context.buildId, `artifact-${upload.index}`);
}
