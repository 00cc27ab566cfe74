import type { PlannedUpload } from '../../domain/artifacts/uploads.ts';
import { containerNamesOf } from '../../domain/executor/environment.ts';
import { finishVariables } from '../../domain/job/exported-variables.ts';
import type { Variables } from '../../domain/job/variables.ts';
import { formatHelperLine, type HelperLine } from '../../domain/trace/helper-line.ts';
import type { FileNames } from '../file-lists.ts';
import type { LiveBuild } from '../live-builds.ts';
import type { ContainerEngine, Ports } from '../ports.ts';
import type { TransferRun } from '../transfer-run.ts';

/** All that is at hand while one entry of a job's artifacts is packed and sent. */
export interface ArtifactScene {
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

export function openScene(
  build: LiveBuild,
  run: TransferRun,
  { upload, names }: Pick<ArtifactScene, 'upload' | 'names'>,
): ArtifactScene {
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
  { build, key }: ArtifactScene,
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
}: ArtifactScene): Promise<Progress | undefined> {
  // Written below, by this release or an earlier one.
  return (await ports.builds.readNote(build.context.buildId, noteOf(key))) as Progress | undefined;
}

/** What is noted is never done again, so all that was said of it has to be in the trace for good. */
export async function noteProgress<T extends Progress>(
  { build, ports, key }: ArtifactScene,
  progress: T,
): Promise<T> {
  await build.trace.checkpoint();
  await ports.builds.writeNote(build.context.buildId, noteOf(key), progress);
  return progress;
}

function noteOf(key: string): string {
  return `artifact ${key}`;
}

/** Host path of the packed file. */
export function packedFile({ build, ports, upload }: ArtifactScene): Promise<string> {
  return ports.builds.scratchFile(build.context.buildId, `artifact-${upload.index}`);
}
